"""The formats that a run can be exported to, and the export itself."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from translator.config.schema import Config
from translator.decoding.engines.ctranslate2 import import_ctranslate2
from translator.decoding.language_choice import chosen_pair
from translator.decoding.options import SearchOptions
from translator.decoding.translator import Translator
from translator.export import argos, ctranslate2, huggingface, saved_model
from translator.export.comparisons import ExportError
from translator.export.gate import CHECKED_SENTENCES, check, new_folder, quiet, validation_pairs
from translator.files import write_file
from translator.report.facts import Facts
from translator.report.model_card import NAME, model_card
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
        adds_tag: whether the export itself adds the tag of a target language, and so has one; else it holds all.
        usage: what the user is told of it, with {command}, this program, and {folder}.
    """

    write: Callable[[Translator, Path, str, Config], None]
    refusal: Callable[[Config], str | None]
    quantizations: tuple[str, ...]
    require: Callable[[], Any]
    checked_search: Callable[[SearchOptions], SearchOptions]
    holds_search: bool
    adds_tag: bool
    usage: str


def exported(options: SearchOptions) -> SearchOptions:
    """The search that a graph holds: it has one shape for all batches, which XLA cannot compile."""
    return dataclasses.replace(options, xla=False)


def greedy(options: SearchOptions) -> SearchOptions:
    """Greedy search: the one that engines which end a beam search differently do alike."""
    return options.with_changes({"beam_size": 1, "xla": False})


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "saved_model": Format(
            write=lambda translator, folder, *_: saved_model.write(translator, folder),
            refusal=lambda _: None,
            quantizations=("float32",),
            require=lambda: None,
            checked_search=exported,
            holds_search=True,
            adds_tag=True,
            usage="Translate with:  echo 'A sentence.' | {command} translate --engine saved_model {folder}",
        ),
        "ctranslate2": Format(
            write=lambda translator, folder, quantization, config: ctranslate2.write(
                translator, folder, quantization, config.taught_head
            ),
            refusal=lambda config: ctranslate2.refusal(config.model),
            quantizations=ctranslate2.QUANTIZATIONS,
            require=import_ctranslate2,
            checked_search=ctranslate2.checked_search,
            holds_search=False,
            adds_tag=False,
            usage="It is for programs that use CTranslate2; its SentencePiece models are source.spm and target.spm",
        ),
        "argos": Format(
            write=argos.write,
            refusal=argos.refusal,
            quantizations=ctranslate2.QUANTIZATIONS,
            require=import_ctranslate2,
            checked_search=ctranslate2.checked_search,
            holds_search=False,
            adds_tag=True,
            usage="Argos Translate installs the .argosmodel in it: argostranslate.package.install_from_path(…)",
        ),
        "huggingface": Format(
            write=lambda translator, folder, *_: huggingface.write(translator, folder),
            refusal=huggingface.refusal,
            quantizations=("float32",),
            require=huggingface.import_tokenizers,
            checked_search=greedy,
            holds_search=False,
            adds_tag=True,
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
    languages: tuple[str | None, str | None] = (None, None),
) -> dict[str, Any]:
    """Writes a run's model in a format, complete and compared with the run, or not at all.

    Args:
        run: a run folder with a model.
        output: the folder to write; empty, or not there yet.
        name: of the format.
        quantization: one of the format's; its first by default.
        beam_size: in place of the run's own `search.beam_size`, where the export holds the search.
        search: other options in place of the run's own, likewise; see `Translator.options_with`.
        languages: source and target, of a run of several: into which it is exported, or compared where the export holds
            all; and what the export says that it is from, by default the first.

    Returns:
        The figures of the comparison, which are in the export's `parity.json`; its `MODEL_CARD.md` says what it is.

    Raises:
        ExportError: no such format or quantization, or the run cannot have it; the output folder holds something or
            cannot be written; or the export differs from the run. Nothing is left behind then.
        RunError: the folder is not a run, or has no model yet.
        CTranslate2Error: CTranslate2 is asked for and not installed.
        OptionsError: the options do not go together; or the run has several target languages, and none is chosen.
    """
    config = RunFolder(Path(run)).load_config()
    data, format = config.data, _format(name, config)
    source, to = languages
    pair = chosen_pair(data, to if to or format.adds_tag else data.target, source)
    config = config.of_pair(pair)
    format = _format(name, config)
    quantization = quantization or format.quantizations[0]
    _require_offered(name, format, quantization, beam_size, search)
    format.require()
    checked_on = validation_pairs(data, pair, CHECKED_SENTENCES)
    with quiet(), new_folder(Path(output)) as partial:
        translator = Translator.load(run, beam_size, to=pair.target)
        translator.options = translator.options_with(search)
        format.write(translator, partial, quantization, config)
        searched = format.checked_search(translator.options)
        figures = check(partial, name, quantization, translator, pair, checked_on, searched)
        usage = usage_of(name, figures, "translator", "FOLDER")
        pairs = [pair] if format.adds_tag else data.pairs
        card = model_card(Facts.of(RunFolder(Path(run))), name, figures, usage, pairs)
        write_file(partial / NAME, card.encode())
        return figures


def _require_offered(
    name: str, format: Format, quantization: str, beam_size: int | None, search: Mapping[str, Any]
) -> None:
    """Raises an ExportError for what a format does not have."""
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


def usage_of(name: str, figures: Mapping[str, Any], command: str, folder: str) -> str:
    """What the user of an export is told: how to translate with it, and of the tags that the model has.

    Args:
        name: of the format.
        figures: that `export_run` gives.
        command: this program.
        folder: of the export.
    """
    format = FORMATS[name]
    usage = format.usage.format(command=command, folder=folder)
    if not (tags := figures.get("tags")):
        return usage
    target = figures["languages"][1]
    if format.adds_tag:
        return f"{usage}. It translates into {target}: each sentence gets the tag {tags[target]} in it."
    return (
        f"{usage}. The first token of each source is the tag of the target language: {', '.join(tags.values())}; "
        "SentencePiece does not add it."
    )


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
