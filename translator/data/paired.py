"""Pairs of lines: of two files side by side, or of one stream with a tab between them."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from translator.data.arriving import arriving_lines
from translator.data.corpora.base import CorpusError
from translator.data.corpora.lines import read_lines


def paired_lines(source: Path, target: Path, most: int, what: str) -> Iterator[list[tuple[str, str]]]:
    """Streams the pairs of two files in groups of at most `most`.

    Args:
        source: sentences, one a line.
        target: their translations, line by line.
        most: pairs in a group.
        what: for messages, what needs pairs: `scoring`.

    Raises:
        CorpusError: a file cannot be read, or one has more lines than the other; the pairs before have been given.
    """
    with (
        contextlib.closing(read_lines(source)) as source_lines,
        contextlib.closing(read_lines(target)) as target_lines,
    ):
        for start in itertools.count(0, most):
            sources, targets = (list(itertools.islice(lines, most)) for lines in (source_lines, target_lines))
            if both := list(zip(sources, targets, strict=False)):
                yield both
            if len(sources) != len(targets):
                ended, longer = (source, target) if len(sources) < len(targets) else (target, source)
                raise CorpusError(
                    f"{ended} ends after line {start + len(both):,} and {longer} goes on; "
                    f"{what} needs one target line for each source line"
                )
            if len(both) < most:
                return


def tabbed_lines(most: int, what: str) -> Iterator[list[tuple[str, str]]]:
    """Streams the pairs of standard input, a tab between the two of a line, in groups that can be read without waiting.

    Raises:
        CorpusError: a line has no tab, or several.
    """
    number = 0
    with contextlib.closing(arriving_lines(None, most)) as groups:
        for lines in groups:
            pairs = []
            for line in lines:
                number += 1
                source, *others = line.split("\t")
                if len(others) != 1:
                    raise CorpusError(
                        f"standard input, line {number:,}: found {len(others)} tabs; "
                        f"{what} needs one between a sentence and its translation, or files with --source and --target"
                    )
                pairs.append((source, others[0]))
            yield pairs
