"""A run as an Argos Translate package: CTranslate2's model, one SentencePiece model and what they are, in one archive.

Its layout is what `argostranslate.package` (version 1.11) reads: https://github.com/argosopentech/argos-translate.
"""

import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import translator as this_program
from translator.config.schema import Config
from translator.export import ctranslate2
from translator.files import write_file
from translator.languages import english_name, normalized, primary

if TYPE_CHECKING:
    from translator.decoding.translator import Translator

ENDING = ".argosmodel"
VERSION = "1.0"  # of the package and of the format
# Its own codes for what ISO 639-1 has no code for.
CODES = {"pt-br": "pb", "zh-hant": "zt", "zh-tw": "zt"}


def refusal(config: Config) -> str | None:
    """Why there can be no package of a run of this configuration; None if there can."""
    data = config.data
    if not config.tokenizer.joint:
        return "Argos Translate has one SentencePiece model for both languages, so nothing for tokenizer.joint false"
    for key, code in (("source", data.source), ("target", data.target)):
        if not re.fullmatch("[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", code):
            return f"Argos Translate knows languages by their codes, and data.{key} {code!r:.60} is not one"
    if code_of(data.source) == code_of(data.target):
        return f"Argos Translate has one code for data.source {data.source} and data.target {data.target}"
    return ctranslate2.refusal(config.model)


def code_of(language: str) -> str:
    """The code by which Argos Translate knows a language."""
    return CODES.get(normalized(language), primary(language))


def write(translator: "Translator", folder: Path, quantization: str, config: Config) -> None:
    """Writes `translate-SOURCE_TARGET-1_0.argosmodel` into a new folder.

    Args:
        translator: with the engine `transformer`, and one vocabulary for both sides.
        folder: a new one.
        quantization: one of `ctranslate2.QUANTIZATIONS`.
        config: of the run, for which there is no `refusal`.

    Raises:
        CTranslate2Error: CTranslate2 is not installed.
        OSError: the folder cannot be written.
    """
    source, target = (code_of(each) for each in (config.data.source, config.data.target))
    metadata = {
        "package_version": VERSION, "argos_version": VERSION,
        "from_code": source, "from_name": english_name(config.data.source),
        "to_code": target, "to_name": english_name(config.data.target),
    }  # fmt: skip
    name = f"translate-{source}_{target}-{VERSION.replace('.', '_')}"
    package = folder / name
    ctranslate2.write_model(translator, package / "model", quantization, config.taught_head)
    if translator.source.prefix:
        _add_tag(package / "model" / "config.json", *translator.source.pieces(translator.source.prefix))
    # It splits the source. What joins the subwords of the target is the same in both.
    write_file(package / "sentencepiece.model", translator.source.model)
    write_file(package / "metadata.json", f"{json.dumps(metadata, indent=1, ensure_ascii=False)}\n".encode())
    write_file(package / "README.md", _readme(translator, quantization, config).encode())
    with zipfile.ZipFile(folder / f"{name}{ENDING}", "x", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(package.rglob("*")):
            archive.write(path, path.relative_to(folder))
    shutil.rmtree(package)


def _add_tag(path: Path, tag: str) -> None:
    """Makes CTranslate2 put the tag of the target language before each source, where it may put a BOS."""
    config = json.loads(path.read_bytes())
    config |= {"bos_token": tag, "add_source_bos": True}
    write_file(path, f"{json.dumps(config, indent=2)}\n".encode())


def _readme(translator: "Translator", quantization: str, config: Config) -> str:
    """What users of the package are told of it."""
    model = config.model
    parameters = sum(int(np.prod(weight.shape)) for weight in translator.transformer.model.named_weights().values())
    return (
        f"# {english_name(config.data.source)} → {english_name(config.data.target)}\n\n"
        f"A Transformer of {parameters:,} parameters: {model.encoder_layers} encoder layers, {model.decoder_layers} "
        f"decoder layers, d_model {model.d_model}, {translator.source.vocabulary_size:,} subwords that both languages "
        f"share; weights in {quantization}.\n\n"
        f"Trained and exported by `translator` {this_program.__version__}.\n"
    )
