"""How a comparison is printed."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from translator.evaluation.bootstrap import SAMPLES, signed
from translator.evaluation.breakdown import Breakdown
from translator.evaluation.comparison import Sentence, SystemComparison
from translator.evaluation.differences import Piece, marked

MOST_SENTENCES = 3  # won, and as many lost
STYLES = {"same": "", "right": "bold green", "wrong": "bold red"}
WITHOUT_COLOR = {"same": ("", ""), "right": ("{+", "+}"), "wrong": ("[-", "-]")}  # as wdiff has it


def print_comparison(comparison: SystemComparison) -> None:
    """Prints scores with differences, tables by kind of sentence and word, a few sentences, and the verdict."""
    output = Console(highlight=False)
    output.print(_scores(comparison))
    for breakdown in comparison.breakdowns:
        _say(f"\n{breakdown.title}: {breakdown.measure}", output)
        output.print(_breakdown(breakdown, comparison.names))
        if breakdown.note:
            _say(breakdown.note, output)
    for system in range(1, len(comparison.names)):
        _print_sentences(comparison, system, output)
    for note in comparison.notes:
        _say(note, output)
    _say(f"[…]: 95% of {SAMPLES:,} paired bootstrap samples of the test set; p-values are those of sacreBLEU", output)
    for metric in comparison.metrics.values():
        _say(f"{metric.name:12}{metric.signature}", output)
    for system in range(1, len(comparison.names)):
        _say(comparison.metrics["bleu"].verdict(comparison.names, system), output)


def _scores(comparison: SystemComparison) -> Table:
    table = Table("", "system")
    for name in ("score", "95%", "difference", "95%", "p"):
        table.add_column(name, justify="right")
    for metric in comparison.metrics.values():
        for system, score in enumerate(metric.scores):
            row = [metric.name if system == 0 else "", comparison.names[system], f"{score.value:.2f}"]
            row.append(f"[{score.low:.2f}, {score.high:.2f}]")
            if system:
                found = metric.differences[system - 1]
                row += [signed(found.value), f"[{signed(found.low)}, {signed(found.high)}]", f"{found.p:.3f}"]
            table.add_row(*map(Text, row), end_section=system == len(metric.scores) - 1)
    return table


def _breakdown(breakdown: Breakdown, names: tuple[str, ...]) -> Table:
    table = Table("", breakdown.of)
    table.columns[1].justify = "right"
    for name in names:
        table.add_column(Text(name), justify="right")
    for row in breakdown.rows:
        first, *others = row.figures
        figures = [f"{first:.1f}", *(f"{figure:.1f} ({signed(figure - first, 1)})" for figure in others)]
        table.add_row(Text(row.label), f"{row.count:,}", *figures)
    return table


def _print_sentences(comparison: SystemComparison, system: int, output: Console) -> None:
    names, won, lost = comparison.names, comparison.won(system), comparison.lost(system)
    equal = len(comparison.sentences) - len(won) - len(lost)
    counts = f"better in {len(won):,} sentences, worse in {len(lost):,}, equal in {equal:,}"
    _say(f"\nBy chrF of each sentence, {names[system]} is {counts}, beside {names[0]}.", output)
    for heading, sentences in (("won", won), ("lost", lost)):
        for sentence in sentences[:MOST_SENTENCES]:
            change = f"chrF {sentence.chrf[0]:.1f} → {sentence.chrf[system]:.1f}"
            _say(f"\n{heading} by {names[system]}: sentence {sentence.number:,}, {change}", output)
            _print_sentence(comparison, sentence, system, output)
    _say("", output)


def _print_sentence(comparison: SystemComparison, sentence: Sentence, system: int, output: Console) -> None:
    first, other = sentence.hypotheses[0], sentence.hypotheses[system]
    lines = [("source", Text(sentence.source))] if sentence.source else []
    lines.append(("reference", Text(sentence.reference)))
    for name, text, beside in ((comparison.names[0], first, other), (comparison.names[system], other, first)):
        pieces = marked(text, beside, sentence.reference, comparison.spaceless)
        lines.append((name, _marked(pieces, in_color=output.color_system is not None)))
    width = max(len(name) for name, _ in lines) + 2
    for name, line in lines:
        output.print(Text(f"  {name:{width}}").append_text(line), soft_wrap=True)


def _marked(pieces: list[Piece], in_color: bool) -> Text:
    """What only one translation has: green, or {+…+}, if the reference has it too; else red, or [-…-]."""
    text = Text()
    for piece in pieces:
        before, after = ("", "") if in_color else WITHOUT_COLOR[piece.mark]
        text.append(f"{before}{piece.text}{after}", STYLES[piece.mark])
    return text


def _say(line: str, output: Console) -> None:
    output.print(line, markup=False, soft_wrap=True)
