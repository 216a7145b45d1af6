"""`translator translate`."""

import contextlib
import enum
import gzip
import io
import itertools
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, TextIO

import typer

from translator.cli.arguments import Beam, Checkpoint, CheckpointOption, Ensemble, Quantization
from translator.cli.console import console
from translator.cli.search_options import apply, takes_search_options
from translator.files import is_standard_output, replacing
from translator.progress import Show, progress
from translator.run_folder import RunError
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.decoding.output import Format
    from translator.decoding.translator import Translator

log = logging.getLogger(__name__)

LINES_TOGETHER = 4096  # at most so many lines are read before their translations are written


class Engine(str, enum.Enum):
    """What searches: the weights of a run, in this package or in another, or a graph that was exported from them."""

    TRANSFORMER = "transformer"
    CTRANSLATE2 = "ctranslate2"
    AUTO = "auto"
    SAVED_MODEL = "saved_model"


Input = Annotated[Path | None, typer.Option(help="Sentences, one a line; standard input by default.")]
Output = Annotated[
    Path | None, typer.Option(help="Where to write, zipped if it ends in .gz; standard output by default.")
]
Mbr = Annotated[
    bool, typer.Option("--mbr", help="Of the beam's hypotheses, take the one that the others agree with most (chrF).")
]
Keep = Annotated[
    list[str] | None,
    typer.Option(help="url, email or a regular expression: what matches is kept as it is; again for more."),
]
EngineOption = Annotated[
    Engine,
    typer.Option(
        help="ctranslate2 converts the run when first asked for; auto takes the faster of the two; "
        "saved_model opens an exported graph: a program, so only one that you trust."
    ),
]
NBest = Annotated[int, typer.Option(min=1, help="Translations of each line; more than one need a --format.")]
Form = Annotated[
    Literal["text", "moses", "json"],
    typer.Option("--format", help="text alone; Moses' n-best list; or a JSON object for each line. With scores."),
]
TokenScores = Annotated[bool, typer.Option("--token-scores", help="With the scores of tokens, too.")]
TargetPrefixes = Annotated[
    Path | None, typer.Option(help="How the translation of each line begins: a file with as many lines.")
]


@takes_search_options
def translate(
    model: Annotated[
        Path, typer.Argument(help="A run folder; with --engine, a folder that `translator export` wrote.")
    ],
    input: Input = None,
    output: Output = None,
    beam: Beam = None,
    checkpoint: CheckpointOption = None,
    ensemble: Ensemble = None,
    mbr: Mbr = False,
    keep: Keep = None,
    engine: EngineOption = Engine.TRANSFORMER,
    quantization: Quantization = None,
    n_best: NBest = 1,
    form: Form = "text",
    token_scores: TokenScores = False,
    target_prefixes: TargetPrefixes = None,
    *,
    search: dict[str, Any],
) -> None:
    """Translate lines: exactly one comes out for each that goes in, but for n-best lists."""
    if input and output and output.exists() and input.exists() and output.samefile(input):
        raise RunError(f"--output {output} is the --input, which would be lost; name another file")
    if form == "text" and (n_best > 1 or token_scores):
        raise RunError("text has no room for scores or several translations of a line; add --format moses or json")
    if beam is None and (search.get("sample") or search.get("alternatives")):
        beam = n_best
    start_tensorflow()
    from translator.decoding.translator import Translator

    if quantization and engine is not Engine.CTRANSLATE2:
        raise RunError("--quantization goes with --engine ctranslate2; leave it out")
    if engine is Engine.SAVED_MODEL:
        _refuse_what_is_fixed(model, beam, checkpoint, ensemble)
        translator = Translator.load_exported(model)
    elif ensemble:
        if engine is not Engine.TRANSFORMER:
            raise RunError(f"--ensemble searches with the engine transformer; leave --engine {engine.value} out")
        translator = Translator.load_ensemble([model, *ensemble], beam, checkpoint)
    else:
        translator = Translator.load(model, beam, checkpoint, engine.value, quantization)
    apply(translator, search | ({"with_token_log_probs": True} if token_scores else {}))
    if n_best > 1 and n_best > translator.options.beam_size:
        raise RunError(f"--n-best {n_best} needs a beam as large: the beam is {translator.options.beam_size}")
    if mbr:
        translator = translator.with_mbr(samples=translator.options.sample)
    if keep and (form != "text" or target_prefixes):
        raise RunError("--keep goes with plain text alone: leave out --format and --target-prefixes")
    if keep:
        _write_kept(translator, keep, input, output)
    else:
        _write(translator, input, output, target_prefixes, form, n_best)


def _write(
    translator: "Translator",
    input: Path | None,
    output: Path | None,
    prefixes: Path | None,
    form: "Format",
    n_best: int,
) -> None:
    """Writes translations, each after the prefix for its line, if there is a file of those."""
    from translator.decoding.output import lines_of

    beginnings = _Beginnings(prefixes)

    def written(lines: list[str], number: int, show: Show) -> list[str]:
        begun = beginnings.next(len(lines))
        if form == "text":
            return translator.translate_text(lines, number, show, **begun)
        found = translator.translate(lines, number, show, **begun)
        return [line for i, each in enumerate(found, number) for line in lines_of(each, i, form, n_best)]

    with contextlib.closing(beginnings):
        _write_blocks(written, input, output, beginnings.require_end)


def _write_kept(translator: "Translator", patterns: Sequence[str], input: Path | None, output: Path | None) -> None:
    """Writes translations with what matches the patterns kept, and warns of what was lost."""
    from translator.decoding.placeholders import Keeper

    keeper = Keeper(translator, patterns)
    _write_blocks(keeper.translate_text, input, output)
    if keeper.warning:
        log.warning(keeper.warning)


def _write_blocks(
    written: Callable[[list[str], int, Show], list[str]],
    input: Path | None,
    output: Path | None,
    at_end: Callable[[int], None] = lambda _: None,
) -> None:
    """Writes what becomes of each block of lines, given with the number of its first; all of it or nothing to a file.

    `at_end` is told how many lines there were, before what has been written to a file counts.
    """
    from translator.data.arriving import arriving_lines

    number = 1
    with (
        _destination(output) as file,
        contextlib.closing(arriving_lines(input, LINES_TOGETHER)) as blocks,
    ):
        for lines in blocks:
            with progress(console, "translating", visible=bool(output)) as show:
                file.writelines(f"{line}\n" for line in written(lines, number, show))
            file.flush()
            number += len(lines)
        at_end(number - 1)


class _Beginnings:
    """The lines of a file of target prefixes, if there is one, beside those of the input."""

    def __init__(self, path: Path | None) -> None:
        from translator.data.corpora.lines import read_lines

        self._path = path
        self._lines = read_lines(path) if path else None

    def next(self, count: int) -> dict[str, Any]:
        """The arguments of `Translator.translate` for the next so many lines."""
        if self._lines is None:
            return {}
        found = list(itertools.islice(self._lines, count))
        if len(found) < count:
            raise RunError(
                f"{self._path} has fewer lines than the input; give one for each line, empty where it begins freely"
            )
        return {"target_prefixes": found}

    def require_end(self, lines: int) -> None:
        """Raises a RunError if the file has more than the input's lines."""
        if self._lines and next(self._lines, None) is not None:
            raise RunError(f"{self._path} has more than the {lines} lines of the input; give one for each")

    def close(self) -> None:
        """Closes the file."""
        if self._lines:
            self._lines.close()


@contextlib.contextmanager
def _destination(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that is replaced when all has been written."""
    if output and not is_standard_output(output):
        with (
            _exiting_when_terminated(),
            replacing(output) as path,
            _opened(path, output.suffix == ".gz") as file,
        ):
            yield file
    elif sys.stdout is None:
        raise RunError("standard output is closed; name a file with --output")
    else:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        yield sys.stdout


@contextlib.contextmanager
def _opened(path: Path, zipped: bool) -> Iterator[TextIO]:
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(path.open("wb"))
        if zipped:  # without the name, which is a temporary one, and the time
            file = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))  # type: ignore[assignment]
        yield stack.enter_context(io.TextIOWrapper(file, encoding="utf-8"))


def _refuse_what_is_fixed(
    model: Path, beam: int | None, checkpoint: Checkpoint | None, ensemble: Sequence[Path] | None
) -> None:
    """Raises a RunError for options that an exported model cannot follow."""
    if beam is not None:
        raise RunError(f"{model} is an exported model, whose beam size is fixed; leave --beam out")
    if checkpoint is not None:
        raise RunError(f"{model} is an exported model, which has no checkpoints; leave --checkpoint out")
    if ensemble:
        raise RunError(f"{model} is an exported model, which is no part of an ensemble; leave --ensemble out")


@contextlib.contextmanager
def _exiting_when_terminated() -> Iterator[None]:
    """Makes SIGTERM end the command as Ctrl-C does, so that unfinished files are removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
