"""How a report is printed: a few translations, and the scores."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from translator.evaluation.test_set import Report


def print_report(report: "Report") -> None:
    """Prints a few translations beside their references, then the scores with their signatures."""
    table = Table("", "source", "reference", "translation", show_lines=True)
    some = range(0, len(report.pairs), max(1, len(report.pairs) // 5))[:5]
    for i in some:
        texts = (*report.pairs[i], report.hypotheses[i])
        table.add_row(str(i + 1), *map(Text, texts))  # Text: "[b]" in a sentence is not markup
    output = Console(highlight=False)
    output.print(table)
    scores = report.scores
    for name, value, signature in (
        ("BLEU", scores.bleu, scores.bleu_signature),
        ("chrF", scores.chrf, scores.chrf_signature),
        ("TER", scores.ter, scores.ter_signature),
    ):
        figure = "     –" if value is None else f"{value:6.2f}"
        output.print(f"{name:5}{figure}  {signature}", markup=False, soft_wrap=True)
    if report.nll is not None:
        nll = f"nll  {report.nll:6.3f}  nats a token of the references; perplexity {report.perplexity:.2f}"
        output.print(nll, soft_wrap=True)
    more = f", and their references read in {report.nll_seconds:.1f} s" if report.nll_seconds else ""
    output.print(f"{len(report.pairs):,} sentences in {report.seconds:.1f} s{more}", markup=False, soft_wrap=True)
