"""How a report is printed: a few translations, and the scores."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from translator.evaluation.bootstrap import SAMPLES
from translator.evaluation.report import Report
from translator.evaluation.scores import NamedScore


def print_report(report: Report) -> None:
    """Prints a few translations beside their references, then the scores with 95% intervals and signatures."""
    output = Console(highlight=False)
    output.print(_some_translations(report))
    for each in report.scores.named:
        _print_score(each, 2, output)
    for external in report.external:
        # Most are between 0 and 1.
        score = NamedScore(external.name, external.score, external.interval, external.signature)
        _print_score(score, 2 if abs(external.score) >= 1 else 4, output)
    if report.scores.intervals:
        output.print(f"[…]: 95% of {SAMPLES:,} bootstrap samples of the test set", markup=False, soft_wrap=True)
    if report.nll is not None:
        nll = f"nll  {report.nll:6.3f}  nats a token of the references; perplexity {report.perplexity:.2f}"
        output.print(nll, soft_wrap=True)
    more = f", and their references read in {report.nll_seconds:.1f} s" if report.nll_seconds else ""
    taken = "" if report.seconds is None else f" in {report.seconds:.1f} s"
    output.print(f"{len(report.pairs):,} sentences{taken}{more}", markup=False, soft_wrap=True)


def _print_score(score: NamedScore, places: int, output: Console) -> None:
    value = "–" if score.value is None else f"{score.value:.{places}f}"
    between = "[{:.{places}f}, {:.{places}f}]".format(*score.interval, places=places) if score.interval else ""
    output.print(f"{score.name:12}{value:>6}  {between:16}{score.signature}".rstrip(), markup=False, soft_wrap=True)


def _some_translations(report: Report) -> Table:
    columns = [[pair.source for pair in report.pairs], [pair.target for pair in report.pairs], report.hypotheses]
    names = ["source", "reference", "translation"]
    if not any(columns[0]):
        del columns[0], names[0]
    table = Table("", *names, show_lines=True)
    for i in range(0, len(report.pairs), max(1, len(report.pairs) // 5))[:5]:
        table.add_row(str(i + 1), *(Text(column[i]) for column in columns))  # Text: "[b]" in a sentence is not markup
    return table
