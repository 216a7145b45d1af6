"""The formats that a run can be exported to, and the export itself."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from translator.config.schema import Config
from translator.decoding.engines.ctranslate2 import import_ctranslate2
from translator.decoding.options import SearchOptions
from translator.decoding.translator import Translator
from translator.export import argos, ctranslate2, huggingface, saved_model
from translator.export.comparisons import ExportError
from translator.export.gate import check, new_folder, quiet
from translator.run_folder import RunFolder


@dataclass(frozen=True)
class Format:
    """What `translator export` knows of a format.

    Attributes:
        write: a translator, the new folder, the quantization, and the configuration of the run -> the files.
        refusal: why a run of this configuration cannot have it, or None.
        quantizations: the first is the default.
        require: raises a TranslatorError if something that it needs is not installed.
        checked_search: how both sides search when they are compared, given the run's options.
        holds_search: whether the export holds the search with its options.
        usage: what the user is told of it, with {command}, this program, and {folder}.
    """

    write: Callable[[Translator, Path, str, Config], None]
    refusal: Callable[[Config], str | None]
    quantizations: tuple[str, ...]
    require: Callable[[], Any]
    checked_search: Callable[[SearchOptions], SearchOptions]
    holds_search: bool
    usage: str


def exported(options: SearchOptions) -> SearchOptions:
    """The search that a graph holds: it has one shape for all batches, which XLA cannot compile."""
    return dataclasses.replace(options, xla=False)


def greedy(options: SearchOptions) -> SearchOptions:
    """Greedy search: the one that engines which end a beam search differently do alike."""
    return dataclasses.replace(exported(options), beam_size=1)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "saved_model": Format(
            write=lambda translator, folder, quantization, _: saved_model.write(translator, folder, quantization),
            refusal=lambda _: None,
            quantizations=("float32",),
            require=lambda: None,
            checked_search=exported,
            holds_search=True,
            usage="Translate with:  echo 'A sentence.' | {command} translate --engine saved_model {folder}",
        ),
        "ctranslate2": Format(
            write=lambda translator, folder, quantization, config: ctranslate2.write(
                translator, folder, quantization, config.taught_head
            ),
            refusal=lambda config: ctranslate2.refusal(config.model),
            quantizations=ctranslate2.QUANTIZATIONS,
            require=import_ctranslate2,
            checked_search=greedy,
            holds_search=False,
            usage="It is for programs that use CTranslate2; its SentencePiece models are source.spm and target.spm",
        ),
        "argos": Format(
            write=argos.write,
            refusal=argos.refusal,
            quantizations=ctranslate2.QUANTIZATIONS,
            require=import_ctranslate2,
            checked_search=greedy,
            holds_search=False,
            usage="Argos Translate installs the .argosmodel in it: argostranslate.package.install_from_path(…)",
        ),
        "huggingface": Format(
            write=lambda translator, folder, quantization, _: huggingface.write(translator, folder, quantization),
            refusal=huggingface.refusal,
            quantizations=("float32",),
            require=huggingface.import_tokenizers,
            checked_search=greedy,
            holds_search=False,
            usage="It is for transformers: AutoTokenizer and AutoModelForSeq2SeqLM have from_pretrained({folder})",
        ),
    }
)
DEFAULT = "saved_model"


def export_run(
    run: str | Path,
    output: str | Path,
    name: str = DEFAULT,
    quantization: str | None = None,
    beam_size: int | None = None,
    search: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Writes a run's model in a format, complete and compared with the run, or not at all.

    Args:
        run: a run folder with a model.
        output: the folder to write; empty, or not there yet.
        name: of the format.
        quantization: one of the format's; its first by default.
        beam_size: in place of the run's own `search.beam_size`, where the export holds the search.
        search: other options in place of the run's own, likewise; see `Translator.options_with`.

    Returns:
        The figures of the comparison, which are in the export's `parity.json`.

    Raises:
        ExportError: no such format or quantization, or the run cannot have it; the output folder holds something or
            cannot be written; or the export differs from the run. Nothing is left behind then.
        RunError: the folder is no run, or has no model yet.
        CTranslate2Error: CTranslate2 is asked for and not installed.
        OptionsError: the options do not go together.
    """
    config = RunFolder(Path(run)).load_config()
    format = _format(name, config)
    quantization = quantization or format.quantizations[0]
    if quantization not in format.quantizations:
        raise ExportError(
            f"--format {name} has no --quantization {quantization!r:.60}; it has {', '.join(format.quantizations)}"
        )
    if beam_size is not None and not format.holds_search:
        raise ExportError(f"--format {name} holds no search, so no beam size either; leave --beam out")
    if search and not format.holds_search:
        raise ExportError(
            f"--format {name} holds no search, so no options of it either: {', '.join(f'`{each}`' for each in search)}"
        )
    format.require()
    with quiet(), new_folder(Path(output)) as partial:
        translator = Translator.load(run, beam_size)
        translator.options = translator.options_with(search)
        format.write(translator, partial, quantization, config)
        return check(partial, name, quantization, translator, config, format.checked_search(translator.options))


def _format(name: str, config: Config) -> Format:
    """The format of a name.

    Raises:
        ExportError: there is none, or not for this run; says which there are, and why not the others.
    """
    refusals = {each: format.refusal(config) for each, format in FORMATS.items()}
    if name in FORMATS and not refusals[name]:
        return FORMATS[name]
    possible = "; ".join(
        f"{each} ({', '.join(FORMATS[each].quantizations)})" for each, reason in refusals.items() if not reason
    )
    others = "".join(f". Not {each}: {reason}" for each, reason in refusals.items() if reason)
    raise ExportError(f"no --format {name!r:.60} for this run; it can have {possible}{others}")
