"""What a run was trained on and with, and what its log says."""

import numpy as np

from translator.config.changes import chosen
from translator.config.load import dump_config
from translator.progress import duration
from translator.report.charts import Line, line_chart
from translator.report.facts import Facts, Lengths
from translator.report.markup import Markup, clipped, joined, table, tag
from translator.report.record import Record, number
from translator.run_log import warnings_and_errors

MOST_TROUBLE = 100  # lines
MOST_LOG_LINES = 500
MOST_CHARACTERS = 1000  # of a line, or of a command
MOST_FILES = 200
MOST_STARTS = 50
PARTS = {"train": "Training", "validation": "Validation", "test": "Test"}


def trouble(record: Record) -> list[Markup]:
    """What the log says that is not as it should be, and the log."""
    log = record.log
    lines = warnings_and_errors(log)
    if not log:
        return []
    if lines:
        rows = [[line.time, tag("span", clipped(line.text, MOST_CHARACTERS))] for line in lines[-MOST_TROUBLE:]]
        found = [_long_table(["", ""], rows)]
        if len(lines) > MOST_TROUBLE:
            found.append(tag("p", f"The last {MOST_TROUBLE} lines of {len(lines):,}.", class_="note"))
    else:
        found = [tag("p", "No line of the log is marked as a warning or an error.")]
    text = "\n".join(f"{line.time}  {clipped(line.text, MOST_CHARACTERS)}" for line in log[-MOST_LOG_LINES:])
    of = f"the last {MOST_LOG_LINES} lines of the log" if len(log) > MOST_LOG_LINES else "the log"
    return [*found, tag("details", tag("summary", of), tag("pre", text))]


def data(facts: Facts) -> list[Markup]:
    """The corpora, the files with their checksums, and how long sentences are."""
    record = facts.record
    settings, tokenizer = record.config.data, record.config.tokenizer
    rows: list[list[str | Markup]] = [
        [name, tag("span", "; ".join(facts.corpora(part)) or "none")] for part, name in PARTS.items()
    ]
    if facts.data:
        rows.append(["Training pairs", tag("span", str(facts.data.counts))])
        rows.append(["Training tokens", f"{facts.data.source.tokens:,} and {facts.data.target.tokens:,} subwords"])
    vocabulary = f"{tokenizer.kind}, {tokenizer.vocabulary_size:,} subwords" if tokenizer.model is None else "given"
    rows.append(
        ["Vocabulary", f"{vocabulary}, {'shared by both languages' if tokenizer.joint else 'one for each side'}"]
    )
    rows.append(["Longest pair", f"{settings.max_tokens:,} subwords on either side (data.max_tokens)"])
    parts = [_long_table(["", ""], rows)]
    if facts.data:
        parts.append(tag("div", _lengths(facts.data.source, facts.data.target, settings.source, settings.target)))
    if facts.inputs:
        files = [
            [tag("code", each.path), f"{each.size:,}", tag("small", tag("code", each.sha256))]
            for each in facts.inputs[:MOST_FILES]
        ]
        parts += [tag("h3", "Training files"), _long_table(["", "bytes", "SHA-256"], files)]
        if more := len(facts.inputs) - len(files):
            parts.append(tag("p", f"And {number(more, 'file')} more, in inputs.json.", class_="note"))
    return parts


def _lengths(source: Lengths, target: Lengths, source_language: str, target_language: str) -> Markup:
    def line(lengths: Lengths, language: str) -> Line:
        return Line(language, [(float(i), float(n)) for i, n in enumerate(lengths.histogram) if i])

    def median(lengths: Lengths) -> int:
        return int(np.searchsorted(np.cumsum(lengths.histogram), lengths.histogram.sum() / 2))

    of = f" (of {source.histogram.sum():,} pairs, evenly spread)" if source.is_sample else ""
    note = f"Half of the sentences have at most {median(source)} and {median(target)} subwords{of}."
    lines = [line(source, source_language), line(target, target_language)]
    return joined(
        [
            tag(
                "div",
                line_chart("Lengths of training sentences", lines, "subwords", "sentences"),
                class_="charts narrow",
            ),
            tag("p", note, class_="note"),
        ]
    )


def configuration(record: Record) -> list[Markup]:
    """What differs from the defaults, and all settings."""
    rows: list[list[str | Markup]] = [
        [tag("code", setting.key), tag("code", setting.value_text), tag("small", tag("code", setting.default_text))]
        for setting in chosen(record.config)
    ]
    return [
        tag("p", "Settings that differ from their defaults; required ones have none."),
        _long_table(["", "value", "default"], rows),
        tag("details", tag("summary", "all settings"), tag("pre", dump_config(record.config))),
    ]


def environment(record: Record) -> list[Markup]:
    """What each start ran on, and how long training and validating took."""
    validating = sum(row["validation_seconds"] for row in record.validations)
    seconds = record.last("training_seconds")
    parts = []
    if seconds is not None:
        share = f", of which validating took {duration(validating)}" if validating else ""
        starts = f", in {number(len(record.starts), 'start')}" if record.starts else ""
        parts.append(tag("p", f"Training took {duration(seconds)}{share}{starts}."))
    rows: list[list[str | Markup]] = [
        [
            start.time.replace("T", " "),
            start.machine,
            start.software,
            tag("small", tag("code", clipped(start.command, MOST_CHARACTERS))),
        ]
        for start in record.starts[-MOST_STARTS:]
    ]
    if rows:
        parts.append(_long_table(["started", "on", "with", "command"], rows))
    return parts


def _long_table(columns: list[str], rows: list[list[str | Markup]]) -> Markup:
    """A table of texts, which may be long."""
    return table(columns, rows, texts=len(columns), wide=True)
