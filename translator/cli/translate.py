"""`translator translate`."""

import contextlib
import enum
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from translator.cli.arguments import (
    Beam,
    Checkpoint,
    CheckpointOption,
    Ensemble,
    From,
    ProcessesOption,
    Quantization,
    Resume,
    ShardOption,
    To,
)
from translator.cli.console import console, exiting_when_terminated
from translator.cli.document_options import Columns, Document, DocumentFormat, require_fitting
from translator.cli.search_options import apply, lacking_in_ctranslate2, takes_search_options
from translator.languages import LanguagePair
from translator.progress import Show, progress
from translator.run_folder import RunError, RunFolder
from translator.runtime import start_tensorflow
from translator.shard import Shard

if TYPE_CHECKING:
    from translator.decoding.output import Format
    from translator.decoding.translating import Translates
    from translator.decoding.translator import Translator
    from translator.inspect.aligned import Aligned
    from translator.inspect.alignment import Aligner

log = logging.getLogger(__name__)


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
Alignment = Annotated[
    bool,
    typer.Option("--alignment", help="Which words belong together: 0-0 1-2 behind ` ||| `, or an object in JSON."),
]
TokenScores = Annotated[bool, typer.Option("--token-scores", help="With the scores of tokens, too.")]
TargetPrefixes = Annotated[
    Path | None, typer.Option(help="How the translation of each line begins: a file with as many lines.")
]


@dataclass(frozen=True)
class Asked:
    """What `translate` is asked to translate with; called in each of its processes, it opens that."""

    model: Path
    beam: int | None
    checkpoint: Checkpoint | None
    ensemble: list[Path] | None
    mbr: bool
    keep: list[str] | None
    engine: Engine
    quantization: str | None
    n_best: int
    form: "Format"
    alignment: bool
    has_target_prefixes: bool
    search: dict[str, Any]
    to: str | None = None
    source: str | None = None  # the language of the text, where words depend on it

    def require_possible(self) -> None:
        """Raises a RunError for what does not go together, whatever the model is."""
        if self.form == "text" and (self.n_best > 1 or "with_token_log_probs" in self.search):
            raise RunError("text has no room for scores or several translations of a line; add --format moses or json")
        if self.quantization and self.engine is not Engine.CTRANSLATE2:
            raise RunError("--quantization goes with --engine ctranslate2; leave it out")
        if self.keep and (self.form != "text" or self.has_target_prefixes or self.alignment):
            raise RunError("--keep goes with plain text alone: leave out --format, --target-prefixes and --alignment")
        if self.mbr and self.has_target_prefixes:
            raise RunError("--mbr takes no --target-prefixes; leave out one of them")
        for name in ("sample", "alternatives"):
            if self.search.get(name) and self.beam is not None and not self.mbr:
                raise RunError(f"--{name} has no beam: --n-best says how many translations there are; leave --beam out")
        if self.search.get("alternatives") and max(self.n_best, self.beam or 0) == 1:
            raise RunError("--alternatives needs --n-best, their number, of 2 or more")
        self._require_engine()

    def _require_engine(self) -> None:
        """Raises a RunError for what the engine lacks, whatever the model is."""
        if self.engine is Engine.CTRANSLATE2 and (lacking := self._lacking):
            raise RunError(f"--engine ctranslate2 has no {', '.join(lacking)}; leave that out, or --engine")
        if self.ensemble and self.engine in (Engine.CTRANSLATE2, Engine.AUTO):
            raise RunError(f"--ensemble searches with the engine transformer; leave --engine {self.engine.value} out")
        if self.engine is Engine.SAVED_MODEL:
            self._require_nothing_fixed()

    @property
    def _lacking(self) -> list[str]:
        """What is asked for that CTranslate2 has not."""
        return [*lacking_in_ctranslate2(self.search), *["--target-prefixes"] * self.has_target_prefixes]

    def __call__(self) -> "Translates":
        """Opens it.

        Raises:
            TranslatorError: it cannot be opened, or cannot search like that.
        """
        start_tensorflow()
        translator = self._opened()
        apply(translator, self.search)
        if self.n_best > 1 and self.n_best > translator.options.beam_size:
            raise RunError(f"--n-best {self.n_best} needs a beam as large: the beam is {translator.options.beam_size}")
        if self.mbr:
            translator = translator.with_mbr(samples=translator.options.sample)
        if self.keep:
            from translator.decoding.placeholders import Keeper

            return Keeper(translator, self.keep)
        if self.form != "text" or self.alignment:
            from translator.decoding.output import Formatted

            return Formatted(self._aligned(translator) if self.alignment else translator, self.form, self.n_best)
        return translator

    def _aligned(self, translator: "Translator") -> "Aligned":
        """The translator, and the run's own model beside it, which aligns whatever the engine is."""
        from translator.inspect.aligned import Aligned

        return Aligned(translator, self.load_aligner(), self.n_best)

    def languages(self) -> LanguagePair:
        """Those that the run translates from and into; see `chosen_pair`."""
        from translator.decoding.language_choice import chosen_pair

        return chosen_pair(RunFolder(self.model).load_config().data, self.to, self.source)

    def load_aligner(self) -> "Aligner":
        """Opens the run's own model for aligning."""
        from translator.inspect.alignment import Aligner

        return Aligner.load(self.model, checkpoint=self.checkpoint, to=self.to, source=self.source)

    def _opened(self) -> "Translator":
        from translator.decoding.translator import Translator

        beam = self.beam
        if beam is None and (self.search.get("sample") or self.search.get("alternatives")):
            beam = self.n_best
        if self.engine is Engine.SAVED_MODEL:
            return Translator.load_exported(self.model)
        self.languages()  # before anything is read, or converted
        if self.ensemble:
            return Translator.load_ensemble([self.model, *self.ensemble], beam, self.checkpoint, self.to)
        engine = self.engine
        if engine is Engine.AUTO and (lacking := self._lacking):
            log.info("--engine auto: transformer, because ctranslate2 has no %s", ", ".join(lacking))
            engine = Engine.TRANSFORMER
        return Translator.load(self.model, beam, self.checkpoint, engine.value, self.quantization, self.to)

    def _require_nothing_fixed(self) -> None:
        """Raises a RunError for options that an exported model cannot follow."""
        what = f"{self.model} is an exported model"
        if self.alignment:
            raise RunError(f"{what}, which is not looked into; leave --alignment out, or name a run")
        if self.to is not None or self.source is not None:
            raise RunError(f"{what}, which translates into one language; leave --to and --from out")
        if self.beam is not None:
            raise RunError(f"{what}, whose beam size is fixed; leave --beam out")
        if self.checkpoint is not None:
            raise RunError(f"{what}, which has no checkpoints; leave --checkpoint out")
        if self.ensemble:
            raise RunError(f"{what}, which is not part of an ensemble; leave --ensemble out")
        if self.has_target_prefixes:
            raise RunError(f"{what}, whose search begins freely; leave --target-prefixes out")


@takes_search_options()
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
    alignment: Alignment = False,
    target_prefixes: TargetPrefixes = None,
    processes: ProcessesOption = None,
    shard: ShardOption = None,
    resume: Resume = False,
    document: Document = None,
    document_format: DocumentFormat = None,
    columns: Columns = None,
    to: To = None,
    from_: From = None,
    *,
    search: dict[str, Any],
) -> None:
    """Translate lines: exactly one comes out for each that goes in, but for n-best lists. Or a document."""
    from translator.decoding.blocks import Lines
    from translator.decoding.files import translate_file

    asked = Asked(
        model, beam, checkpoint, ensemble, mbr, keep, engine, quantization, n_best, form, alignment,
        target_prefixes is not None, search | ({"with_token_log_probs": True} if token_scores else {}), to, from_,
    )  # fmt: skip
    require_fitting(
        document,
        {"--document-format": document_format, "--columns": columns},
        {
            "--input": input, "--n-best": n_best > 1, "--format": form != "text", "--token-scores": token_scores,
            "--alignment": alignment, "--target-prefixes": target_prefixes, "--keep": keep, "--processes": processes,
            "--shard": shard, "--resume": resume, "--engine saved_model": engine is Engine.SAVED_MODEL,
        },
    )  # fmt: skip
    asked.require_possible()
    pair = asked.languages() if document else None
    ending = exiting_when_terminated() if output else contextlib.nullcontext()
    with ending, progress(console, "translating", visible=bool(output)) as show:
        if document and pair:
            _translate_document(asked, pair, document, output, document_format, columns, show)
            return
        lines = Lines(input, target_prefixes, Shard.parse(shard) if shard else None)
        translate_file(asked, lines, output, processes=processes, resume=resume, show=show)


def _translate_document(
    asked: Asked,
    pair: LanguagePair,
    document: Path,
    output: Path | None,
    form: DocumentFormat,
    columns: str | None,
    show: Show,
) -> None:
    from translator.documents.files import translate_document
    from translator.documents.formats import Format

    reading = Format.of(document, form, columns.split(",") if columns else ())
    translate_document(document, output, reading, pair, lambda: (asked(), asked.load_aligner), show)
