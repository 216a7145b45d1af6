"""A model card: the facts of the run, and no more."""

from pathlib import Path
from typing import Any

from tests.report.recorded import finish, make_run, score_run
from translator.config.load import save_config
from translator.report.facts import Facts
from translator.report.model_card import model_card
from translator.report.run_page import run_page

FIGURES: dict[str, Any] = {
    "quantization": "int8", "sentences": 1005, "equal_translations": 0.97, "versions": {"translator": "0.2.0"},
    "bleu_of_run": 33.0, "bleu": 32.5, "bleu_difference_interval": [-0.7, 0.1],
}  # fmt: skip


def test_a_model_card_has_data_training_scores_and_limits(tmp_path: Path):
    run = make_run(tmp_path / "run")
    finish(run)
    report = score_run(run)
    card = model_card(Facts.of(run), "ctranslate2", FIGURES, "Load it.")
    low, high = report.scores.intervals["chrf"]
    signature = report.scores.chrf_signature.replace("|", "\\|")
    for line in (
        "- en", "- de", "# English to German: run", "Load it.", "- text files: a.{lang}",
        "- Transformer with 17 parameters: 6 encoder and 6 decoder layers, d_model 8, d_ff 2048, 2 heads",
        "- Format: ctranslate2, weights in int8, written by translator 0.2.0",
        "- 150 steps, 1.0 epochs, 3,000 target tokens, in 34 s of training",
        "- on 1 core of 2 (AMD EPYC), no GPU", "| `model.d_model` | 8 |",
        f"| chrF | {report.scores.chrf:.2f} | {low:.2f} to {high:.2f} | `{signature}` |",
        "- best validation BLEU 5.00, at step 100",
        "This export was loaded again and compared with the run: 97.0% of 1,005 sentences have equal translations "
        "(`parity.json`). On validation sentences its BLEU is 32.50, and that of the run 33.00 (95% interval of the "
        "difference: -0.70 to +0.10).",
    ):  # fmt: skip
        assert line in card.splitlines(), line
    assert card.startswith("---\nlanguage:\n")
    assert "\n\n\n" not in card


def test_a_model_card_claims_no_score_that_there_is_not(tmp_path: Path):
    card = model_card(Facts.of(make_run(tmp_path / "run", rows=[])), "saved_model", FIGURES, "Load it.")
    assert "The run has not been scored on a test set." in card
    assert "test set, by" not in card


def test_a_run_without_a_test_set_has_a_page_and_a_card(tmp_path: Path):
    run = make_run(tmp_path / "run")
    config = run.load_config()
    save_config(config.model_copy(update={"data": config.data.model_copy(update={"test": None})}), run.config)
    assert "- test: " not in model_card(Facts.of(run), "saved_model", FIGURES, "Load it.")
    assert "There is no test set." in run_page(Facts.of(run))


def test_names_are_text_in_a_model_card(tmp_path: Path):
    card = model_card(Facts.of(make_run(tmp_path / "<b>a|b*")), "saved_model", FIGURES, "Load it.")
    assert "# English to German: \\<b\\>a\\|b\\*" in card
