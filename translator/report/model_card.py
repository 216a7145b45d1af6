"""The model card of an export: what it is, what it was trained on, what it scores, and what is not known of it."""

import re
from collections.abc import Mapping
from typing import Any

from translator.config.changes import chosen
from translator.languages import primary
from translator.progress import duration
from translator.report.facts import Facts
from translator.report.record import number

NAME = "MODEL_CARD.md"
MOST_FILES = 200  # whose checksums are listed


def model_card(facts: Facts, format: str, figures: Mapping[str, Any], usage: str) -> str:
    """A model card in Markdown, with the metadata that Hugging Face reads.

    Args:
        facts: of the run.
        format: that it is exported to.
        figures: of the comparison with the run, as `translator.export.gate.check` gives them.
        usage: how the export is used.
    """
    source, target = facts.languages
    sections = {
        f"{source} to {target}: {_cell(facts.record.name)}": _model(facts, format, figures),
        "How to use it": [usage, ""],
        "Training data": _data(facts),
        "Training": _training(facts),
        "Scores": _scores(facts, figures),
        "Limits": _limits(facts),
    }
    lines = [*_metadata(facts), ""]
    for i, (heading, body) in enumerate(sections.items()):
        lines += [f"{'#' if i == 0 else '##'} {heading}", "", *body, *([""] if body[-1] else [])]
    return "\n".join(lines).rstrip("\n") + "\n"


def _metadata(facts: Facts) -> list[str]:
    data = facts.record.config.data
    codes = [primary(each) for each in (data.source, data.target)]
    languages = [f"- {code}" for code in codes if re.fullmatch("[a-z]{2,3}", code)]
    found = ["---", *(["language:", *languages] if languages else []), "pipeline_tag: translation"]
    return [*found, "tags:", "- translation", "- transformer", "---"]


def _model(facts: Facts, format: str, figures: Mapping[str, Any]) -> list[str]:
    tokenizer, version = facts.record.config.tokenizer, figures["versions"]["translator"]
    vocabulary = "the vocabulary it was given" if tokenizer.model else f"{tokenizer.vocabulary_size:,} subwords"
    shared = "shared by both languages" if tokenizer.joint else "on each side"
    return [
        f"It translates sentences from {facts.languages[0]} to {facts.languages[1]}.",
        "",
        f"- {facts.architecture}",
        f"- Vocabulary: {vocabulary} ({tokenizer.kind}), {shared}",
        f"- Format: {format}, weights in {figures['quantization']}, written by translator {version}",
        "",
    ]


def _data(facts: Facts) -> list[str]:
    found = [f"- {_cell(each)}" for each in facts.corpora("train")]
    if facts.data:
        found.append(
            f"- {facts.data.counts}; {facts.data.source.tokens:,} and {facts.data.target.tokens:,} subwords of "
            f"{facts.languages[0]} and {facts.languages[1]}"
        )
    if facts.inputs:
        found += ["", "| file | bytes | SHA-256 |", "|---|---|---|"]
        shown = facts.inputs[:MOST_FILES]
        found += [f"| {_cell(each.name)} | {each.size:,} | `{each.sha256}` |" for each in shown]
        if more := len(facts.inputs) - len(shown):
            found += ["", f"And {number(more, 'file')} more."]
    found += [
        "",
        "Validation and test sets, which it was not trained on unless they are in the training data as well:",
        "",
    ]
    found += [f"- {part}: {_cell(each)}" for part in ("validation", "test") for each in facts.corpora(part)]
    return [*found, ""]


def _training(facts: Facts) -> list[str]:
    record, found = facts.record, []
    if record.training_rows:
        last = record.training_rows[-1]
        done = [f"{last['step']:,.0f} steps"]
        done += [f"{last['epoch']:.1f} epochs"] if "epoch" in last else []
        done += [f"{last['target_tokens']:,.0f} target tokens"] if "target_tokens" in last else []
        found.append(f"- {', '.join(done)}, in {duration(last['training_seconds'])} of training")
    if record.starts:
        found += [f"- on {_cell(record.starts[-1].machine)}", f"- with {_cell(record.starts[-1].software)}"]
    if best := record.best_validation:
        found.append(f"- best validation BLEU {best['validation_bleu']:.2f}, at step {best['step']:,.0f}")
    found += ["", "Settings that differ from the defaults:", "", "| setting | value |", "|---|---|"]
    hidden = ("data.root", "data.train", "data.validation", "data.test")  # where the data was is nobody's concern
    found += [
        f"| `{each.key}` | {_cell(each.value_text)} |" for each in chosen(record.config) if each.key not in hidden
    ]
    return [*found, ""]


def _scores(facts: Facts, figures: Mapping[str, Any]) -> list[str]:
    report, found = facts.report, []
    if report is None:
        found += ["The run has not been scored on a test set.", ""]
    else:
        found += ["| metric | score | 95% interval | signature |", "|---|---|---|---|"]
        for name, value, interval, signature in report.scores.named:
            if value is not None:
                between = f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else ""
                code = f"`{signature}`".replace("|", "\\|") if signature else ""
                found.append(f"| {name} | {value:.2f} | {between} | {code} |")
        for each in report.external:
            code = f"`{_cell(each.signature)}`" if each.signature else ""
            found.append(f"| {_cell(each.name)} | {each.score:.4g} | | {code} |")
        found += ["", f"Of the run in float32, on {len(report.pairs):,} sentences of its test set, by {facts.search}."]
        found += ["Intervals are of bootstrap samples of the test set.", ""] if report.scores.intervals else [""]
    found.append(
        f"This export was loaded again and compared with the run: {figures['equal_translations']:.1%} of "
        f"{figures['sentences']:,} sentences have equal translations (`parity.json`)."
    )
    if "bleu_of_run" in figures:
        low, high = figures["bleu_difference_interval"]
        found[-1] += (
            f" On validation sentences its BLEU is {figures['bleu']:.2f}, and that of the run "
            f"{figures['bleu_of_run']:.2f} (95% interval of the difference: {low:+.2f} to {high:+.2f})."
        )
    return [*found, ""]


def _limits(facts: Facts) -> list[str]:
    config = facts.record.config
    found = [
        "- Scores are of one test set. How the model does on other kinds of text has not been measured, nor what it "
        "does with names, numbers, gender or offensive text.",
        f"- It was trained on pairs of at most {config.data.max_tokens:,} subwords on either side.",
        "- It translates sentence by sentence, without what stands before.",
    ]
    if not config.tokenizer.byte_fallback:
        found.append("- Characters that its vocabulary lacks are unknown to it, and may be lost.")
    return [*found, "- The licenses of its training data, and of the model, are not recorded in the run.", ""]


def _cell(text: str) -> str:
    """Text as it stands, in a table too."""
    return re.sub(r"([\\|<>`*\[\]])", r"\\\1", " ".join(text.split()))
