"""Metrics of other programs, such as COMET: a command that reads files and prints a score."""

import json
import math
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from translator.evaluation.bootstrap import SAMPLES, interval, samples_of
from translator.evaluation.metrics import EvaluationError

# Standing alone: digits of a file's name are none.
NUMBER = re.compile(r"(?<![^\s:=,;(|])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?=[,;.)|%]?(?:\s|$))")


@dataclass(frozen=True)
class ExternalScore:
    """What another program has found; `dataclasses.asdict` gives the fields in this order."""

    name: str
    score: float
    interval: tuple[float, float] | None
    """95% of bootstrap samples of the sentences' scores; None if the program gives one score for all."""
    signature: str
    command: str


@dataclass(frozen=True)
class ExternalMetric:
    """A command, with {source}, {hypotheses} and {references} for the files to read, one sentence a line.

    Several references are several files: the argument that names them is repeated. The command is run once, without a
    shell. It prints a score as the last number of its last line; or a JSON object with `score`, or with `scores`, one
    for each sentence, whose mean is the score; `name` and `signature` if it likes.
    """

    command: str

    @cached_property
    def words(self) -> list[str]:
        """The program and its arguments."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise EvaluationError(f"--command {self.command!r} cannot be split into words: {error}") from error
        if not words:
            raise EvaluationError("--command is empty; give a program and its arguments")
        return words

    def require(self, has_sources: bool = True) -> None:
        """Raises an EvaluationError if the command cannot be run here; it is not run yet."""
        if shutil.which(self.words[0]) is None:
            raise EvaluationError(f"--command: there is no program {self.words[0]!r}")
        if "{hypotheses}" not in self.command:
            raise EvaluationError(f"--command {self.command!r} does not name {{hypotheses}}, the file to score")
        if "{source}" in self.command and not has_sources:
            raise EvaluationError("--command names {source}; give the sentences with --source")

    def score(
        self,
        sources: Sequence[str],
        hypotheses: Sequence[str],
        every_reference: Sequence[Sequence[str]],
        samples: int = SAMPLES,
    ) -> ExternalScore:
        """Runs the command on files of these sentences, which are deleted after it.

        Raises:
            EvaluationError: the command fails, or prints no score.
        """
        with tempfile.TemporaryDirectory(prefix="translator-") as name:
            folder = Path(name)
            texts = {"source.txt": sources, "hypotheses.txt": hypotheses}
            references = [f"reference{number}.txt" for number in range(1, len(every_reference) + 1)]
            texts |= dict(zip(references, every_reference, strict=True))
            for file, lines in texts.items():
                (folder / file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            printed = _run([filled for word in self.words for filled in _filled(word, folder, references)])
        return self._read(printed, len(hypotheses), samples)

    def _read(self, printed: str, sentences: int, samples: int) -> ExternalScore:
        """The score in what the command printed."""
        found = _object(printed)
        each = found.get("scores")
        numbers = each if isinstance(each, list) and each else [found.get("score")]
        if not all(_is_finite(number) for number in numbers):
            last = ([line.strip() for line in printed.splitlines() if line.strip()] or ["nothing"])[-1]
            raise EvaluationError(f"--command: {self.words[0]!r} printed no score but {last!r:.200}")
        if each and len(numbers) != sentences:
            raise EvaluationError(
                f"--command: {self.words[0]!r} printed {len(numbers):,} scores for {sentences:,} sentences"
            )
        values, between = np.array(numbers, np.float64), None
        if each and samples:
            drawn = np.array([counts @ values / sentences for counts in samples_of(sentences, samples)])
            between = interval(values.mean(), drawn)[1:]
        name, signature = found.get("name") or Path(self.words[0]).name, found.get("signature") or ""
        return ExternalScore(str(name), float(values.mean()), between, str(signature), self.command)


def _run(words: Sequence[str]) -> str:
    """What a program prints; raises an EvaluationError if it fails."""
    try:
        ran = subprocess.run(words, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    except OSError as error:
        raise EvaluationError(f"--command: {words[0]!r} cannot be run: {error.strerror}") from error
    if ran.returncode:
        said = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
        raise EvaluationError(
            f"--command: {words[0]!r} ended with exit code {ran.returncode}" + (f": {said[-1]}" if said else "")
        )
    return ran.stdout


def _filled(word: str, folder: Path, references: Sequence[str]) -> list[str]:
    """A word of the command with paths in it; one that names the references becomes as many as there are."""
    word = word.replace("{source}", str(folder / "source.txt"))
    word = word.replace("{hypotheses}", str(folder / "hypotheses.txt"))
    if "{references}" not in word:
        return [word]
    return [word.replace("{references}", str(folder / reference)) for reference in references]


def _object(printed: str) -> dict[str, object]:
    """The JSON object that was printed, or `score` alone."""
    try:
        found = json.loads(printed)
    except (ValueError, RecursionError):
        lines = printed.strip().splitlines()
        numbers = NUMBER.findall(lines[-1]) if lines else []
        return {"score": float(numbers[-1])} if numbers else {}
    return found if isinstance(found, dict) else {"score": found}


def _is_finite(number: object) -> bool:
    try:
        return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
    except OverflowError:  # of an integer that no float is as large as
        return False
