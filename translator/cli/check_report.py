"""How the report of a check is printed."""

from rich.console import Console
from rich.text import Text

from translator.data.checks.batches import BatchShapes
from translator.data.checks.findings import SEVERITIES, Finding
from translator.data.checks.report import CheckReport
from translator.progress import duration
from translator.training.trial import MeasuredSteps

BAR = 40  # characters
STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def print_check(report: CheckReport, measured: MeasuredSteps | None) -> None:
    """Prints what was read, each finding with its first places, batches, what steps took, and the verdict."""
    output = Console(highlight=False, emoji=False)
    for corpus in report.corpora:
        _say(Text(f"{corpus.section:11}{corpus.pairs:>12,} pairs  {corpus.corpus}"), output)
    for finding in report.findings:
        _print_finding(finding, output)
    if report.batches:
        _print_batches(report.batches, output)
    if measured:
        _print_measured(measured, output)
    counts = [(severity, sum(f.severity == severity for f in report.findings)) for severity in SEVERITIES]
    found = ", ".join(f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts if count)
    _say(Text(f"\n{found or 'nothing found'}" + ("; these errors would ruin a run" * report.has_errors)), output)


def _print_finding(finding: Finding, output: Console) -> None:
    _say(
        Text.assemble(
            "\n", (finding.severity, STYLES[finding.severity]), f"  {finding.kind}  ", (finding.corpus, "dim")
        ),
        output,
    )
    share = f" ({finding.count / finding.pairs:.2%} of {finding.pairs:,})" if finding.pairs else ""
    _say(Text(f"  {finding.message}{share}"), output)
    for example in finding.examples:
        _say(Text.assemble("    ", (f"{example.place}:", "bold"), f" {example.text}"), output)
    if finding.examples and finding.count > len(finding.examples):
        _say(Text(f"    … {finding.count - len(finding.examples):,} more", "dim"), output)


def _print_batches(batches: BatchShapes, output: Console) -> None:
    head = f"\n{batches.steps:,} steps an epoch, {batches.padding:.1%} padding; pairs by the length they are padded to:"
    _say(Text(head), output)
    most = max(bucket.pairs for bucket in batches.buckets)
    for bucket in batches.buckets:
        _say(Text(f"{bucket.length:>7,}{bucket.pairs:>12,}  {'█' * round(BAR * bucket.pairs / most)}"), output)


def _print_measured(measured: MeasuredSteps, output: Console) -> None:
    line = (
        f"\n{measured.target_tokens_per_second:,.0f} target tokens a second by {measured.steps:,} steps, "
        f"{duration(measured.epoch_seconds)} an epoch without validation; {measured.peak_memory / 1e9:.1f} GB at most"
    )
    _say(Text(line), output)


def _say(line: Text, output: Console) -> None:
    output.print(line, soft_wrap=True)
