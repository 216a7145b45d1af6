"""Files of any size translated in flat memory: by several processes, in parts, and across interruptions."""

import contextlib
import gzip
import hashlib
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from translator.data.arriving import is_a_file
from translator.decoding.blocks import Block, FilesError, Lines, bytes_of
from translator.decoding.unfinished import Unfinished, forget, partial_of, state_of, unfinished
from translator.decoding.workers import Here, Load, Processes, Translated
from translator.files import is_standard_output, replacing, require_not_read, require_writable
from translator.progress import Show, show_nothing
from translator.runtime import cores

log = logging.getLogger(__name__)

LINES_TOGETHER = 4096  # at most so many lines are read before their translations are written
GPUS = (Path("/dev/nvidiactl"), Path("/dev/kfd"))  # one of them is there where there is a GPU

Write = Callable[[Block, list[str]], None]


def translate_file(
    load: Load,
    input: Lines | Path | str | None,
    output: Path | str | None,
    *,
    processes: int | None = None,
    resume: bool = False,
    show: Show = show_nothing,
) -> int:
    """Translates a file, in order: one line comes out for each that goes in, or what is written for it.

        >>> load = functools.partial(Translator.load, "runs/multi30k_en_de")
        >>> translate_file(load, "in.txt", "out.txt", processes=2)

    With `processes`, a script needs the usual `if __name__ == "__main__":` around what it does.

    Args:
        load: gives what translates, once in each process; with several, pickle has to take it. That is a `Translator`,
            or a `translator.decoding.output.Formatted` or `translator.decoding.placeholders.Keeper` with one in it.
        input: the lines, or the `source` of `Lines`.
        output: replaced at the end, or not at all, and zipped if its name ends in .gz; None for standard output. What
            an interruption left of it is deleted then.
        processes: how many translate a file; None chooses (`default_processes`).
        resume: keep what is done beside the output (`translator.decoding.unfinished`) if an error or an interruption
            ends this, and go on from there.
        show: told how many lines are done, and how many there are to do.

    Returns:
        How many lines were translated now.

    Raises:
        FilesError: the files do not fit together, or with what is asked.
        OverwriteError: the output is a file that is read.
        CorpusError: the input cannot be read; says where.
        ResumeError: something changed since the interruption; says what.
        WorkerError: a process has ended.
        OSError: the output, which the error names, cannot be written.
    """
    target = None if output is None or is_standard_output(Path(output)) else Path(output)
    lines = input if isinstance(input, Lines) else Lines(input)
    _require_fitting(lines, target, processes, resume)
    with contextlib.ExitStack() as stack:
        count = _count(processes, lines.part)
        workers = stack.enter_context(Processes(load, count, max(1, cores() // count))) if count > 1 else Here(load)
        made_of = workers.fingerprint() if resume or count > 1 else {}
        begun = None
        if resume and target:
            begun = stack.enter_context(_begun(target, {**made_of, **lines.made_of}))
        write = _adding(begun, target) if begun and target else stack.enter_context(_writing(target))
        blocks = stack.enter_context(contextlib.closing(lines.blocks(LINES_TOGETHER, begun)))
        done = begun.lines if begun else 0
        left = None if lines.part is None else max(0, len(lines.part) - done)
        now = _write_all(workers.translated(blocks, lambda lines: show(lines, left)), write)
        if not done + now:
            write(Block(1, [], hashlib.sha256().hexdigest()), [])  # a zipped file of nothing is not empty
        if warning := workers.lost().warning:
            log.warning(warning)
        if begun:
            begun.finish()
    if target and not resume:
        forget(target)
    return now


def default_processes(lines: int) -> int:
    """How many processes translate a file: on CPUs one for each core, but no more than have two blocks of lines each.

    Search is many small operations, which more threads help little; docs/large-files.md has a measurement. Each process
    holds the model, and takes seconds to start. Where there is a GPU, it is one, since several would share its memory.
    """
    if any(path.exists() for path in GPUS) and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
        return 1
    return max(1, min(cores(), lines // (2 * LINES_TOGETHER)))


def _count(processes: int | None, part: range | None) -> int:
    """How many processes; no more than there are blocks."""
    if part is None:
        return 1
    return min(processes or default_processes(len(part)), max(1, -(-len(part) // LINES_TOGETHER)))


def _require_fitting(lines: Lines, target: Path | None, processes: int | None, resume: bool) -> None:
    """Raises a FilesError for files that do not fit together, or not with what is asked for."""
    if target:
        require_apart(target, lines.paths)
        require_writable(target)
    if processes:
        lines.require_file("--processes")
    if resume:
        lines.require_file("--resume")
        if target is None or not is_a_file(target):
            given = "standard output" if target is None else f"{target}, a pipe or a device"
            raise FilesError(f"--resume needs a file as --output; found {given}")
    if target is None and sys.stdout is None:
        raise FilesError("standard output is closed; name a file with --output")


def require_apart(output: Path, read: Iterable[Path]) -> None:
    """Raises an OverwriteError if a file that is read is an output, or what `resume` keeps beside it."""
    require_not_read(output, read, beside_it=(partial_of(output), state_of(output)))


def _write_all(translated: Translated, write: Write) -> int:
    """Writes each block; returns how many lines of input that were."""
    count = 0
    for block, texts in translated:
        write(block, texts)
        count += len(block.lines)
    return count


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
            file.write(_content(lines, zipped))
            file.flush()

        yield write_bytes


def _adding(begun: Unfinished, target: Path) -> Write:
    """Writes to the finished part."""
    zipped = target.suffix == ".gz"
    return lambda block, lines: begun.add(_content(lines, zipped), len(block.lines), block.digest)


def _content(lines: list[str], zipped: bool) -> bytes:
    """Lines as they stand in the file; zipped, as one member, of which a file may have many."""
    return gzip.compress(bytes_of(lines), mtime=0) if zipped else bytes_of(lines)


@contextlib.contextmanager
def _begun(target: Path, made_of: Mapping[str, object]) -> Iterator[Unfinished]:
    """The finished part, of an engine that tells which weights it has."""
    if "weights" not in made_of:
        raise FilesError("--resume needs an engine that tells which weights it has; this one has no `fingerprint`")
    with unfinished(target, made_of) as begun:
        if begun.lines:
            log.info("%s: %s lines are done already; going on from there", partial_of(target), f"{begun.lines:,}")
        yield begun
