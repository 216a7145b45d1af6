import pytest

from tests.script_modules import load_script
from translator.config.load import load_config
from translator.data.corpora.base import SentencePair

CONFIG = """
data: {source: en, target: de, train: "t.{lang}", validation: "v.{lang}", test: "x.{lang}"}
train: {max_epochs: 9}
"""


@pytest.fixture
def measurement(tmp_path):
    (tmp_path / "few.yaml").write_text(CONFIG)
    script = load_script("measure_back_translation")
    return script.Measurement(
        tmp_path / "few.yaml", ["tokenizer.vocabulary_size=2000"], tmp_path / "m", 3000, 1800, 3.0
    )


def test_each_run_has_its_direction_data_and_updates(measurement, tmp_path):
    configs = {
        name: load_config(measurement.config, measurement.settings(name, 2))
        for name in ("reverse", "few", "short", "both")
    }
    assert {name: config.train.max_steps for name, config in configs.items()} == {
        "reverse": 900, "few": 1800, "short": 600, "both": 1800
    }  # fmt: skip
    assert {(config.train.seed, config.tokenizer.vocabulary_size) for config in configs.values()} == {(2, 2000)}
    assert (configs["reverse"].data.source, configs["reverse"].data.target) == ("de", "en")
    few, back_translated = configs["both"].data.train
    assert (few.files, few.pairs, few.weight) == ("t.{lang}", 3000, 3.0)
    assert back_translated.tsv == str(tmp_path / "m" / "back-translated-2.tsv")
    (few,) = configs["few"].data.train
    assert (few.files, few.pairs, few.weight) == ("t.{lang}", 3000, 1.0)
    assert configs["both"].model == configs["few"].model


def test_the_gain_is_over_the_best_baseline(measurement, monkeypatch):
    references = ["the first line of four", "and the second line of four"]
    written = {
        "few": [references[0], "nothing at all"],
        "last": ["something else", "nothing at all"],
        "short": ["something else", references[1]],
        "both": references,
    }
    cls = type(measurement)
    monkeypatch.setattr(cls, "hypotheses", lambda _, system, seed: written[system])
    monkeypatch.setattr(cls, "test_pairs", lambda _: [SentencePair("", line) for line in references])
    script = load_script("measure_back_translation")
    lines = script.markdown(measurement, [1, 2])
    assert lines[5] == "| both | 100.00 | 100.00 100.00 |"
    short = float(lines[4].split("|")[2])
    assert float(lines[3].split("|")[2]) < float(lines[2].split("|")[2]) < short
    assert lines[-1].startswith(f"both against short: +{100 - short:.2f} [")
