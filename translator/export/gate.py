"""The parity gate, through which every export goes before it has its name.

An export is written to NAME.partial, loaded again in a fresh process, which translates and scores real sentences with
it, compared with the run, and only then renamed. What is asked for:

- log-probabilities of given translations within `TOLERANCES`, for each token; and, of floating-point formats,
  translations of which `LEAST_EQUAL` are equal, found by a search that both sides do alike;
- of integer formats, a BLEU whose difference from the run's has a 95% interval (paired bootstrap, on the references of
  the validation set) that ends above `LEAST_BLEU`.
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
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

import translator
from translator.config.schema import Config, DataConfig
from translator.data.batches import length_sorted
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import open_corpora
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import OPTIONS, SearchOptions
from translator.environment import processor
from translator.errors import TranslatorError
from translator.files import write_file

if TYPE_CHECKING:
    from translator.decoding.translator import Translator

log = logging.getLogger(__name__)

CHECKED_SENTENCES = 1000  # of the validation set, at most
SCORED_PAIRS = 200  # of them, whose log-probabilities are compared
SCORED_TOGETHER = 16  # logits of a large vocabulary take room
LEAST_EQUAL = 0.99
LEAST_BLEU = -0.5
# The largest difference of a translation's log-probability, divided by its tokens. Of integer formats BLEU decides.
TOLERANCES: Mapping[str, float] = MappingProxyType({"float32": 1e-4, "bfloat16": 0.1, "float16": 0.05})
# Blank; what hardly any vocabulary has; and characters that the tokenizer's normalisation drops or changes.
ODD_SENTENCES = ("", " \t", "ꙮ ᚠᛇᚻ 𝔉𝔯𝔞𝔨𝔱𝔲𝔯 👩\u200d🚀", "ﬁ\u200b\u00a0</s> \x07e\u0301 <unk> \ufffd")
PARITY = "parity.json"
# Options of a search with which its log-probabilities are those of a constrained model.
CHANGE_LOGITS = ("min_length_factor", "repetition_penalty", "no_repeat_ngram_size", "suppressed")
VERSIONS = ("ctranslate2", "keras", "numpy", "sentencepiece", "tensorflow", "tensorflow-text")
FRESH_PROCESS = (
    "from translator.runtime import start_tensorflow; start_tensorflow(); "
    "from translator.export.probe import main; main()"
)


class ExportError(TranslatorError):
    """An export that would overwrite something, cannot be written, or differs from its run."""


@dataclass(frozen=True)
class Request:
    """What a fresh process is asked to do with an export; JSON on its standard input."""

    format: str
    folder: str
    sentences: list[str]
    pairs: list[tuple[list[int], list[int]]]  # sources and targets to score, without BOS and EOS
    options: dict[str, Any]
    max_source_tokens: int
    batch_sentences: int
    joiner: str


@dataclass(frozen=True)
class Answer:
    """What it found; JSON on its standard output."""

    texts: list[str]
    # Source, target, whether EOS belongs to it, log-probability: of the pairs, or of translations of its own.
    scored: list[tuple[list[int], list[int], bool, float]]
    never: list[int]  # ids that have no probability in these
    compute_type: str


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
    folder: Path, format: str, quantization: str, translator: "Translator", config: Config, options: SearchOptions
) -> dict[str, Any]:
    """Compares an export with its run, and writes the figures to its `parity.json`.

    Args:
        folder: where the export is, under whatever name.
        format: by which `translator.export.probe` knows how to load it.
        quantization: what it is asked for by; in `TOLERANCES` unless it is of integers.
        translator: the run, with the engine `transformer`.
        config: of the run.
        options: how both sides search.

    Returns:
        The figures.

    Raises:
        ExportError: it differs; says in what.
    """
    pairs = validation_pairs(config.data, CHECKED_SENTENCES)
    sentences = [*ODD_SENTENCES, *(pair.source for pair in pairs)]
    sentences.append(_long_sentence(sentences, translator.max_source_tokens))
    request = Request(
        format, str(folder), sentences, _id_pairs(translator, pairs), dataclasses.asdict(options),
        translator.max_source_tokens, translator.batch_sentences, translator.joiner,
    )  # fmt: skip
    answer = _ask(request)
    ours = [each.text for each in translator.translate(sentences, None, options=options)]
    figures: dict[str, Any] = {
        "format": format,
        "quantization": quantization,
        "compute_type": answer.compute_type,
        "search": request.options,
        "sentences": len(sentences),
        **_compare_log_probs(_comparable(answer, translator, options), translator, TOLERANCES.get(quantization)),
        **_compare_texts(sentences, ours, answer.texts, quantization in TOLERANCES),
    }
    if quantization not in TOLERANCES:
        first = len(ODD_SENTENCES)
        checked = slice(first, first + len(pairs))
        figures |= _compare_bleu(ours[checked], answer.texts[checked], pairs, config.data.target, quantization)
    figures |= environment()
    write_file(folder / PARITY, f"{json.dumps(figures, indent=1)}\n".encode())
    return figures


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


def validation_pairs(data: DataConfig, most: int) -> list[SentencePair]:
    """The first pairs of the run's validation set; none if it is no longer there."""
    try:
        with contextlib.ExitStack() as stack:
            each = [stack.enter_context(contextlib.closing(c.pairs())) for c in open_corpora(data.validation, data)]
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


def _comparable(answer: Answer, translator: "Translator", options: SearchOptions) -> Answer:
    """What of an answer has the model's own log-probabilities.

    Where options change logits, a search gives those of the model so constrained: then what counts is by how much they
    differ from what the run's search gives to the same translations, which goes on top of the model's own.
    """
    defaults = {name: OPTIONS[name] for name in CHANGE_LOGITS}
    if not answer.never or all(getattr(options, name) == value for name, value in defaults.items()):
        return answer
    engine = translator.engine
    assert isinstance(engine, TransformerEngine)
    scored = []
    for start in range(0, len(answer.scored), translator.batch_sentences):
        batch = answer.scored[start : start + translator.batch_sentences]
        found = engine.search([source for source, *_ in batch], options)
        own = log_probs(engine, [each[:3] for each in batch], answer.never)
        for (source, target, ended, theirs), (best, *_), model in zip(batch, found, own, strict=True):
            if list(best.ids) == list(target):
                scored.append((source, target, ended, float(model) + theirs - best.log_prob))
    return dataclasses.replace(answer, scored=scored)


def _compare_log_probs(answer: Answer, translator: "Translator", tolerance: float | None) -> dict[str, Any]:
    engine = translator.engine
    assert isinstance(engine, TransformerEngine)
    lengths = np.array([len(target) + ended for _, target, ended, _ in answer.scored])
    ours = log_probs(engine, [each[:3] for each in answer.scored], answer.never)
    theirs = np.array([each[3] for each in answer.scored])
    # A translation of no token at all, which a limit of length allows, has nothing to compare.
    largest = float(np.max(np.abs(ours - theirs) / np.maximum(lengths, 1), initial=0.0))
    if tolerance is not None and not largest <= tolerance:
        raise ExportError(
            f"the export's log-probabilities differ from the run's by up to {largest:.2g} a token, "
            f"more than {tolerance:g}; nothing was written"
        )
    return {
        "log_probs_compared": len(answer.scored),
        "log_prob_difference_per_token": largest,
        "log_prob_tolerance_per_token": tolerance,
    }


def log_probs(
    engine: TransformerEngine,
    scored: Sequence[tuple[Sequence[int], Sequence[int], bool]],
    never_written: Sequence[int] = (),
) -> np.ndarray:
    """The log-probabilities of given translations.

    Args:
        engine: what scores them.
        scored: source, target, and whether EOS belongs to the translation.
        never_written: ids that leave their probability to the others.

    Returns:
        float64 [translations].
    """
    found = np.zeros(len(scored))
    for batch in length_sorted([list(target) for _, target, _ in scored], SCORED_TOGETHER):
        sources, targets, ended = zip(*(scored[i] for i in batch), strict=True)
        of_tokens = engine.score(sources, targets, tuple(never_written))
        for i, target, with_end, each in zip(batch, targets, ended, of_tokens, strict=True):
            found[i] = sum(each[: len(target) + with_end])
    return found


def _compare_texts(
    sentences: Sequence[str], ours: Sequence[str], theirs: Sequence[str], floating: bool
) -> dict[str, Any]:
    differing = [i for i, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]]
    share = 1 - len(differing) / len(sentences)
    if floating and share < LEAST_EQUAL:
        i = differing[0]
        raise ExportError(
            f"the export translates {len(differing):,} of {len(sentences):,} sentences differently, "
            f"more than {1 - LEAST_EQUAL:.0%}; nothing was written. The first: {sentences[i]!r:.200} "
            f"as {theirs[i]!r:.200} but the run as {ours[i]!r:.200}"
        )
    return {"equal_translations": share, "least_equal_translations": LEAST_EQUAL if floating else None}


def _compare_bleu(
    ours: Sequence[str], theirs: Sequence[str], pairs: Sequence[SentencePair], language: str, quantization: str
) -> dict[str, Any]:
    from translator.evaluation.bootstrap import bleu_difference  # what scores takes its time to import

    if not pairs:
        raise ExportError(f"{quantization} is judged by BLEU on the validation set, which is not there")
    found = bleu_difference(ours, theirs, [pair.target for pair in pairs], language)
    if not found.low > LEAST_BLEU:
        raise ExportError(
            f"the export's BLEU is {found.second:.2f} and the run's {found.first:.2f} on {len(pairs):,} sentences; the "
            f"difference may be as low as {found.low:.2f} (95% interval), not above {LEAST_BLEU}; nothing was written"
        )
    return {
        "bleu_of_run": found.first, "bleu": found.second, "bleu_difference_interval": [found.low, found.high],
        "least_bleu_difference": LEAST_BLEU,
    }  # fmt: skip
