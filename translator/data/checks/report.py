"""All that was found about the corpora of a configuration."""

from dataclasses import asdict, dataclass
from typing import Any

from translator.data.checks.batches import BatchShapes
from translator.data.checks.findings import SEVERITIES, Finding


@dataclass(frozen=True)
class CheckedCorpus:
    """A corpus that was read, and how many of its pairs."""

    section: str  # `train`, `validation` or `test`
    corpus: str
    pairs: int


@dataclass(frozen=True)
class CheckReport:
    """What a check of the corpora found.

    Attributes:
        corpora: all that were read.
        findings: errors first, then warnings, then notes.
        batches: of the first epoch, if the corpus has been encoded.
    """

    corpora: tuple[CheckedCorpus, ...]
    findings: tuple[Finding, ...]
    batches: BatchShapes | None = None

    @classmethod
    def of(
        cls, corpora: list[CheckedCorpus], findings: list[Finding], batches: BatchShapes | None = None
    ) -> "CheckReport":
        """The report of some findings, which are put in order."""
        ordered = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
        return cls(tuple(corpora), tuple(ordered), batches)

    @property
    def has_errors(self) -> bool:
        """Whether there is something that would ruin a run."""
        return any(finding.severity == "error" for finding in self.findings)

    @property
    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return asdict(self)
