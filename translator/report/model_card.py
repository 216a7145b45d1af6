"""The model card of an export: what it is, what it was trained on, what it scores, and what is not known of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from translator.config.changes import chosen
from translator.languages import LanguagePair, english_name, primary
from translator.progress import duration
from translator.report.facts import Facts, named
from translator.report.record import number

NAME = "MODEL_CARD.md"
MOST_FILES = 200  # whose checksums are listed


def model_card(
    facts: Facts, format: str, figures: Mapping[str, Any], usage: str, pairs: Sequence[LanguagePair] = ()
) -> str:
    """A model card in Markdown, with the metadata that Hugging Face reads.

    Args:
        facts: of the run.
        format: that it is exported to.
        figures: of the comparison with the run, as `translator.export.gate.check` gives them.
        usage: how the export is used.
        pairs: of languages that it translates; those of the run by default.
    """
    pairs = pairs or facts.record.config.data.pairs
    source, target = named(pairs)
    sections = {
        f"{source} to {target}: {_cell(facts.record.name)}": _model(facts, format, figures, pairs),
        "How to use it": [usage, ""],
        "Training data": _data(facts),
        "Training": _training(facts),
        "Scores": _scores(facts, figures, pairs),
        "Limits": _limits(facts),
    }
    lines = [*_metadata(pairs), ""]
    for i, (heading, body) in enumerate(sections.items()):
        lines += [f"{'#' if i == 0 else '##'} {heading}", "", *body, *([""] if body[-1] else [])]
    return "\n".join(lines).rstrip("\n") + "\n"


def _metadata(pairs: Sequence[LanguagePair]) -> list[str]:
    codes = dict.fromkeys(primary(each) for side in zip(*pairs, strict=True) for each in side)
    languages = [f"- {code}" for code in codes if re.fullmatch("[a-z]{2,3}", code)]
    found = ["---", *(["language:", *languages] if languages else []), "pipeline_tag: translation"]
    return [*found, "tags:", "- translation", "- transformer", "---"]


def _model(facts: Facts, format: str, figures: Mapping[str, Any], pairs: Sequence[LanguagePair]) -> list[str]:
    source, target = named(pairs)
    tokenizer, version = facts.record.config.tokenizer, figures["versions"]["translator"]
    vocabulary = "the vocabulary it was given" if tokenizer.model else f"{tokenizer.vocabulary_size:,} subwords"
    shared = "shared by both languages" if tokenizer.joint else "on each side"
    return [
        f"It translates sentences from {source} to {target}.",
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


def _scores(facts: Facts, figures: Mapping[str, Any], pairs: Sequence[LanguagePair]) -> list[str]:
    report, found = facts.report, []
    reports = [part for pair in pairs if report and (part := report.part(pair))]
    if report is None or not reports:
        found += ["The run has not been scored on a test set.", ""]
    elif len(reports) == 1:
        found += ["| metric | score | 95% interval | signature |", "|---|---|---|---|"]
        for name, value, interval, signature in reports[0].scores.named:
            if value is not None:
                between = f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else ""
                code = f"`{signature}`".replace("|", "\\|") if signature else ""
                found.append(f"| {name} | {value:.2f} | {between} | {code} |")
    else:
        found += ["| pair | BLEU | 95% interval | chrF |", "|---|---|---|---|"]
        for each in (each for part in reports for each in part.of_pairs):
            low, high = each.scores.intervals.get("bleu", (each.scores.bleu, each.scores.bleu))
            of_pair = f"{english_name(each.source)} to {english_name(each.target)}"
            found.append(f"| {of_pair} | {each.scores.bleu:.2f} | {low:.2f} to {high:.2f} | {each.scores.chrf:.2f} |")
    if report and reports:
        for external in report.external if len(report.of_pairs) < 2 else ():  # which are of all pairs together
            code = f"`{_cell(external.signature)}`" if external.signature else ""
            found.append(f"| {_cell(external.name)} | {external.score:.4g} | | {code} |")
        sentences = sum(len(part.pairs) for part in reports)
        found += ["", f"Of the run in float32, on {sentences:,} sentences of its test set, by {facts.search}."]
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
