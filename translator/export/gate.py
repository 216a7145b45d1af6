"""The parity gate, through which every export goes before it has its name.

An export is written to NAME.partial, loaded again in a fresh process, which translates and scores real sentences with
it, compared with the run, and only then renamed. What is asked for:

- log-probabilities of given translations within `TOLERANCES`, for each token; and, of floating-point formats,
  translations of which `LEAST_EQUAL` are equal, found by a search that both sides do alike;
- of integer formats, a BLEU whose difference from the run's has a 95% interval (paired bootstrap, on the references of
  the validation set) that ends above −`MAX_BLEU_DROP`.
"""

import contextlib
import dataclasses
import importlib.metadata
import itertools
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import tensorflow as tf

import translator
from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import open_corpora
from translator.data.tags import tags_of
from translator.data.tokenizer import Tokenizer
from translator.decoding.options import SearchOptions
from translator.environment import processor
from translator.export.comparisons import (
    Answer,
    ExportError,
    Request,
    comparable,
    compare_bleu,
    compare_log_probs,
    compare_texts,
)
from translator.files import write_file
from translator.languages import LanguagePair, tag_of

if TYPE_CHECKING:
    from translator.decoding.translator import Translator

log = logging.getLogger(__name__)

CHECKED_SENTENCES = 1000  # of the validation set, at most
CHECKED_SYMBOLS = 20
SCORED_PAIRS = 200  # of them, whose log-probabilities are compared
# The largest difference of a translation's log-probability, divided by its tokens. Of integer formats BLEU decides.
TOLERANCES: Mapping[str, float] = MappingProxyType({"float32": 1e-4, "float16": 0.05})
# Blank; what hardly any vocabulary has; and characters that the tokenizer's normalisation drops or changes.
ODD_SENTENCES = ("", " \t", "ꙮ ᚠᛇᚻ 𝔉𝔯𝔞𝔨𝔱𝔲𝔯 👩\u200d🚀", "ﬁ\u200b\u00a0</s> \x07e\u0301 <unk> \ufffd")
PARITY = "parity.json"
VERSIONS = ("ctranslate2", "keras", "numpy", "sentencepiece", "tensorflow", "tensorflow-text", "tokenizers")
FRESH_PROCESS = (
    "from translator.runtime import start_tensorflow; start_tensorflow(); "
    "from translator.export.probe import main; main()"
)


@contextlib.contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """Gives a path beside `output` to write a folder to, which becomes `output`, or is gone after an error.

    Raises:
        ExportError: `output` holds something, or cannot be written.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ExportError(f"{output} is there already; name another --output, or delete it first")
    target = output.resolve()
    partial = target.with_name(f"{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if partial.exists():  # of an export that was killed
            shutil.rmtree(partial)
        yield partial
        partial.replace(target)
    except (OSError, tf.errors.OpError) as error:
        raise ExportError(f"{output} cannot be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check(
    folder: Path,
    format: str,
    quantization: str,
    translator: "Translator",
    languages: LanguagePair,
    pairs: Sequence[SentencePair],
    options: SearchOptions,
) -> dict[str, Any]:
    """Compares an export with its run, and writes the figures to its `parity.json`.

    Args:
        folder: where the export is, under whatever name.
        format: by which `translator.export.probe` knows how to load it.
        quantization: what it is asked for by; in `TOLERANCES` unless it is of integers.
        translator: the run, with the engine `transformer`.
        languages: that it is exported for.
        pairs: that it is compared on, as `validation_pairs` gives them.
        options: how both sides search.

    Returns:
        The figures.

    Raises:
        ExportError: it differs; says in what.
    """
    sentences = [*ODD_SENTENCES, *(pair.source for pair in pairs)]
    sentences.append(_with_symbols(translator.source))
    sentences.append(_long_sentence(sentences, translator.max_source_tokens))
    request = Request(
        format, str(folder), sentences, _id_pairs(translator, pairs), dataclasses.asdict(options),
        translator.max_source_tokens, translator.batch_sentences, translator.joiner, list(translator.source.prefix),
    )  # fmt: skip
    answer = _ask(request)
    ours = [each.text for each in translator.translate(sentences, None, options=options)]
    figures: dict[str, Any] = {
        "format": format,
        "quantization": quantization,
        "compute_type": answer.compute_type,
        **_languages(translator, languages),
        "search": request.options,
        "sentences": len(sentences),
        **compare_log_probs(comparable(answer, translator, options), translator, TOLERANCES.get(quantization)),
        **compare_texts(sentences, ours, answer.texts, quantization in TOLERANCES),
    }
    if quantization not in TOLERANCES:
        first = len(ODD_SENTENCES)
        checked = slice(first, first + len(pairs))
        figures |= compare_bleu(ours[checked], answer.texts[checked], pairs, languages.target, quantization)
    figures |= environment()
    write_file(folder / PARITY, f"{json.dumps(figures, indent=1)}\n".encode())
    return figures


def _languages(translator: "Translator", pair: LanguagePair) -> dict[str, Any]:
    """Of a model with tags: the tags by language, and the pair of languages that is compared."""
    tags = {language: tag_of(language) for language in tags_of(translator.source) if language in translator.languages}
    return {"tags": tags, "languages": list(pair)} if translator.source.prefix else {}


def environment() -> dict[str, Any]:
    """The versions and the processor that figures were measured with."""
    versions = {"translator": translator.__version__}
    for name in VERSIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "python": platform.python_version(),
        "versions": versions,
        "processor": processor(),
    }


def validation_pairs(data: DataConfig, languages: LanguagePair, most: int) -> list[SentencePair]:
    """The first pairs of a run's validation sets of two languages; none if they are no longer there.

    Where there are no such sets, as of languages that were not trained together, those of others into the same target.
    """
    own = [corpus for corpus in data.validation if data.pair_of(corpus) == languages]
    corpora = own or [corpus for corpus in data.validation if data.pair_of(corpus).target == languages.target]
    try:
        if not corpora:
            raise CorpusError(f"there is no validation set into {languages.target}")
        with contextlib.ExitStack() as stack:
            each = [stack.enter_context(contextlib.closing(corpus.pairs())) for corpus in open_corpora(corpora, data)]
            return list(itertools.islice(itertools.chain.from_iterable(each), most))
    except CorpusError as error:
        log.warning("the export is checked on made-up sentences alone: %s", error)
        return []


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences TensorFlow's messages about saving and tracing."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _long_sentence(sentences: Sequence[str], most: int) -> str:
    """A sentence of more than `most` tokens made of these sentences' words, nearly all of which have at least one."""
    words = " ".join(sentences).split()
    return " ".join(itertools.islice(itertools.cycle(words), 2 * most))


def _with_symbols(tokenizer: Tokenizer) -> str:
    """A sentence with user-defined symbols alone and inside words; blank where there are none."""
    return " ".join(f"{symbol} a{symbol}a" for symbol in itertools.islice(tokenizer.symbols, CHECKED_SYMBOLS))


def _id_pairs(translator: "Translator", pairs: Sequence[SentencePair]) -> list[tuple[list[int], list[int]]]:
    """Pairs to score: those with something on both sides that the model takes in one piece."""
    sources = translator.source.encode([pair.source for pair in pairs])
    targets = translator.target.encode([pair.target for pair in pairs])
    most = translator.max_source_tokens
    fitting = (pair for pair in zip(sources, targets, strict=True) if all(0 < len(ids) <= most for ids in pair))
    return [(list(source), list(target)) for source, target in itertools.islice(fitting, SCORED_PAIRS)]


def _ask(request: Request) -> Answer:
    """Has a fresh process load the export and answer.

    Raises:
        ExportError: it could not.
    """
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    ran = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS], input=json.dumps(dataclasses.asdict(request)),
        capture_output=True, text=True, encoding="utf-8", check=False, env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip
    if ran.returncode != 0:
        reason = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
        raise ExportError(f"the export cannot be loaded again, so nothing was written: {reason}")
    return Answer(**json.loads(ran.stdout))
