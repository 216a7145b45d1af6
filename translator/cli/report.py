"""How a report is printed: a few translations, and the scores."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from translator.evaluation.report import Report
    from translator.evaluation.robustness import Robustness

Bounds = tuple[float, float]  # of an interval


def print_report(report: "Report") -> None:
    """Prints a few translations beside their references, then the scores with 95% intervals and signatures."""
    output = Console(highlight=False)
    output.print(_some_translations(report))
    if report.of_pairs:
        output.print(_of_pairs(report))
    if len(report.of_pairs) > 1:
        output.print("All pairs together, as one test set:", soft_wrap=True)
    for name, value, interval, signature in report.scores.named:
        _print_score(name, "–" if value is None else f"{value:.2f}", _shown(interval, 2), signature, output)
    for each in report.external:
        places = 2 if abs(each.score) >= 1 else 4  # most are between 0 and 1
        _print_score(each.name, f"{each.score:.{places}f}", _shown(each.interval, places), each.signature, output)
    if report.scores.intervals:
        output.print("[…]: 95% of bootstrap samples of the test set", markup=False, soft_wrap=True)
    if report.nll is not None:
        nll = f"nll  {report.nll:6.3f}  nats a token of the references; perplexity {report.perplexity:.2f}"
        output.print(nll, soft_wrap=True)
    more = f", and their references read in {report.nll_seconds:.1f} s" if report.nll_seconds else ""
    taken = "" if report.seconds is None else f" in {report.seconds:.1f} s"
    output.print(f"{len(report.pairs):,} sentences{taken}{more}", markup=False, soft_wrap=True)


def print_robustness(found: "Robustness") -> None:
    """Prints what the test set scores under each kind of damage."""
    from translator.evaluation.bootstrap import signed

    table = Table("", "lines", "measure", "value", "to clean", "how")
    for row in found.rows:
        difference = "" if row.difference is None else signed(row.difference)
        table.add_row(row.condition, f"{row.lines:,}", row.measure, f"{row.value:.2f}", difference, row.how)
    Console(highlight=False).print(table)


def _print_score(name: str, value: str, interval: str, signature: str, output: Console) -> None:
    output.print(f"{name:12}{value:>6}  {interval:16}  {signature}".rstrip(), markup=False, soft_wrap=True)


def _shown(interval: Bounds | None, places: int) -> str:
    return "" if interval is None else f"[{interval[0]:.{places}f}, {interval[1]:.{places}f}]"


def _of_pairs(report: "Report") -> Table:
    """The scores of each pair of languages, and the mean of several."""
    table = Table("pair", "sentences", "BLEU", "95%", "chrF")
    for each in report.of_pairs:
        interval = _shown(each.scores.intervals.get("bleu"), 2)
        row = f"{each.sentences:,}", f"{each.scores.bleu:.2f}", Text(interval), f"{each.scores.chrf:.2f}"
        table.add_row(Text(f"{each.languages}{' (zero-shot)' if each.zero_shot else ''}"), *row)
    if len(report.of_pairs) > 1:
        table.add_row("mean", "", f"{report.mean_bleu:.2f}")
    return table


def _some_translations(report: "Report") -> Table:
    columns = [[pair.source for pair in report.pairs], [pair.target for pair in report.pairs], report.hypotheses]
    names = ["source", "reference", "translation"]
    if not any(columns[0]):
        del columns[0], names[0]
    table = Table("", *names, show_lines=True)
    for i in range(0, len(report.pairs), max(1, len(report.pairs) // 5))[:5]:
        table.add_row(str(i + 1), *(Text(column[i]) for column in columns))  # Text: "[b]" in a sentence is not markup
    return table
