"""Files of any size translated in flat memory: by several processes, in parts, and across interruptions."""

import contextlib
import gzip
import hashlib
import itertools
import logging
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from translator.data.arriving import arriving_lines, count_lines, is_a_file
from translator.data.corpora.lines import read_lines
from translator.decoding.unfinished import Unfinished, partial_of, unfinished
from translator.decoding.workers import Block, Here, Load, Processes, cores
from translator.errors import TranslatorError
from translator.files import is_standard_output, replacing
from translator.progress import Show, show_nothing

log = logging.getLogger(__name__)

LINES_TOGETHER = 4096  # at most so many lines are read before their translations are written
GPUS = (Path("/dev/nvidiactl"), Path("/dev/kfd"))  # one of them is there where there is a GPU

Write = Callable[[Block, list[str]], None]


class FilesError(TranslatorError):
    """Something asked of a translation of files that cannot be done with these files."""


@dataclass(frozen=True)
class Shard:
    """One of so many parts of a file, which are translated without a word between them.

    Attributes:
        number: from 1.
        count: of all parts.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        """Raises a FilesError for a part that there is not."""
        if not 1 <= self.number <= self.count:
            raise FilesError(f"--shard {self}: expected the number of a part and of all, as in 3/8; parts start at 1")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Reads "3/8"."""
        if not (found := re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)):
            raise FilesError(f"--shard {text}: expected the number of a part and of all, as in 3/8")
        return cls(int(found[1]), int(found[2]))

    def of(self, lines: int) -> range:
        """Its lines, from 0: the parts are contiguous, in order, and differ by one line at most."""
        return range(lines * (self.number - 1) // self.count, lines * self.number // self.count)


def translate_file(
    load: Load,
    input: Path | str | None,
    output: Path | str | None,
    *,
    processes: int | None = None,
    shard: Shard | None = None,
    resume: bool = False,
    show: Show = show_nothing,
) -> int:
    """Translates a file: one line comes out for each that goes in, in order.

        >>> import functools
        >>> from translator import Translator
        >>> translate_file(functools.partial(Translator.load, "runs/multi30k_en_de"), "in.txt", "out.txt", processes=2)

    With `processes`, a script needs the usual `if __name__ == "__main__":` around what it does.

    Args:
        load: gives what translates, once in each process; with several, pickle has to take it.
        input: the file, zipped if its name ends in .gz; None, as a pipe or a device, for lines as they arrive.
        output: replaced at the end, or not at all, and zipped if its name ends in .gz; None for standard output.
        processes: how many translate a file; None chooses (`default_processes`).
        shard: the part of the file to translate; None for all of it.
        resume: keep what is done beside the output (`translator.decoding.unfinished`) if an error or an interruption
            ends this, and go on from there.
        show: told how many lines are done, and how many there are to do.

    Returns:
        How many lines were translated now.

    Raises:
        FilesError: the files do not fit together, or with what is asked.
        CorpusError: the input cannot be read; says where.
        ResumeError: something changed since the interruption; says what.
        WorkerError: a process has ended.
    """
    source = None if input is None else Path(input)
    target = None if output is None or is_standard_output(Path(output)) else Path(output)
    is_file = source is not None and is_a_file(source)
    _require_fitting(source, target, {"--processes": processes, "--shard": shard, "--resume": resume})
    total = count_lines(source) if source and is_file else None
    part = None if total is None else (shard or Shard(1, 1)).of(total)
    with contextlib.ExitStack() as stack:
        count = _count(processes, part)
        workers = stack.enter_context(Processes(load, count, max(1, cores() // count))) if count > 1 else Here(load)
        made_of = workers.fingerprint() if resume or count > 1 else {}
        begun = None
        if resume and target:
            begun = stack.enter_context(_begun(target, made_of, f"{shard} of {total} lines" if shard else "all lines"))
        write = _adding(begun, target) if begun and target else stack.enter_context(_writing(target))
        blocks = stack.enter_context(contextlib.closing(_blocks(source, part, shard is None, begun)))
        done = begun.lines if begun else 0
        left = None if part is None else max(0, len(part) - done)
        now = 0
        for block, lines in workers.translated(blocks, lambda lines: show(lines, left)):
            write(block, lines)
            now += len(block.lines)
        if not done + now:
            write(Block(1, [], hashlib.sha256().hexdigest()), [])  # a zipped file of nothing is not empty
        if begun:
            begun.finish()
    return now


def default_processes(lines: int) -> int:
    """How many processes translate a file: on CPUs one for each core, but no more than have two blocks of lines each.

    Search is many small operations, which more threads help little. That this is faster than one process with all
    cores is an expectation, not yet measured on an idle machine. Each holds the model, and takes seconds to start.
    Where there is a GPU, it is one, since several would share its memory.
    """
    if any(path.exists() for path in GPUS) and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
        return 1
    return max(1, min(cores(), lines // (2 * LINES_TOGETHER)))


def _count(processes: int | None, part: range | None) -> int:
    """How many processes; no more than there are blocks."""
    if part is None:
        return 1
    return min(processes or default_processes(len(part)), max(1, -(-len(part) // LINES_TOGETHER)))


def _require_fitting(source: Path | None, target: Path | None, asked: Mapping[str, object]) -> None:
    """Raises a FilesError for files that do not fit together, or not with the options that are asked for, by name."""
    if source and target and target.exists() and source.exists() and target.samefile(source):
        raise FilesError(f"--output {target} is the --input, which would be lost; name another file")
    named = [name for name, value in asked.items() if value]
    if named and (source is None or not is_a_file(source)):
        given = "standard input" if source is None else f"{source}, a pipe or a device"
        raise FilesError(f"{named[0]} needs a file as --input, which can be counted; found {given}")
    if asked["--resume"] and (target is None or not is_a_file(target)):
        given = "standard output" if target is None else f"{target}, a pipe or a device"
        raise FilesError(f"--resume needs a file as --output; found {given}")
    if target is None and sys.stdout is None:
        raise FilesError("standard output is closed; name a file with --output")


def _blocks(
    source: Path | None, part: range | None, to_the_end: bool, begun: Unfinished | None
) -> Generator[Block, None, None]:
    """The lines to translate, in blocks, without those that are done."""
    digest, number = hashlib.sha256(), 1
    with contextlib.ExitStack() as stack:
        if part is None or source is None:
            groups: Iterator[list[str]] = stack.enter_context(
                contextlib.closing(arriving_lines(source, LINES_TOGETHER))
            )
        else:
            lines = stack.enter_context(contextlib.closing(read_lines(source)))
            mine = itertools.islice(lines, part.start, None if to_the_end else part.stop)
            number += part.start
            if begun and begun.lines:
                for line in itertools.islice(mine, begun.lines):
                    digest.update(_bytes_of([line]))
                begun.require_input(source, digest.hexdigest())
                number += begun.lines
            groups = iter(lambda: list(itertools.islice(mine, LINES_TOGETHER)), [])
        for group in groups:
            digest.update(_bytes_of(group))
            yield Block(number, group, digest.hexdigest())
            number += len(group)


def _bytes_of(lines: Sequence[str], zipped: bool = False) -> bytes:
    """Lines as they stand in a file; zipped, as one member, of which a file may have many."""
    content = "".join(f"{line}\n" for line in lines).encode("utf-8")
    return gzip.compress(content, mtime=0) if zipped else content


@contextlib.contextmanager
def _writing(target: Path | None) -> Iterator[Write]:
    """Writes to standard output, or to a file that is replaced at the end, or not at all."""
    if target is None:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]

        def write(block: Block, lines: list[str]) -> None:
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()

        yield write
        return
    zipped = target.suffix == ".gz"
    with replacing(target) as place, place.open("wb") as file:

        def write_bytes(block: Block, lines: list[str]) -> None:
            file.write(_bytes_of(lines, zipped))
            file.flush()

        yield write_bytes


def _adding(begun: Unfinished, target: Path) -> Write:
    """Writes to the finished part."""
    zipped = target.suffix == ".gz"
    return lambda block, lines: begun.add(_bytes_of(lines, zipped), len(block.lines), block.digest)


@contextlib.contextmanager
def _begun(target: Path, fingerprint: Mapping[str, object], part: str) -> Iterator[Unfinished]:
    """The finished part, of an engine that tells which weights it has."""
    if "weights" not in fingerprint:
        raise FilesError("--resume needs an engine that tells which weights it has; this one has no `fingerprint`")
    with unfinished(target, {**fingerprint, "part": part}) as begun:
        if begun.lines:
            log.info("%s: %s lines are done already; going on from there", partial_of(target), f"{begun.lines:,}")
        yield begun
