"""CTranslate2 as an engine: a model that was converted to its format, searched by its own beam search.

Its search ends when beam size × patience hypotheses have finished. What it returns is otherwise what the engine of
this package returns: the same scores, never PAD, BOS or UNK, and a limit of length for each sentence.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from translator.data.tokenizer import Tokenizer
from translator.decoding.options import OPTIONS, Hypothesis, OptionsError, SearchOptions
from translator.errors import TranslatorError, needs_extra
from translator.files import read_file, sha256
from translator.runtime import own_threads
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID

POSITIONS_KEY = "translator_positions"  # in the model's config.json: the rows of its position tables
MODEL_FILES = ("config.json", "model.bin")
# The fields of SearchOptions that it can search with; others must have the value that changes nothing.
SEARCHED_WITH = frozenset(
    {
        "beam_size", "length_penalty", "patience", "max_length_factor", "max_length_margin",
        "repetition_penalty", "no_repeat_ngram_size", "suppressed",
    }
)  # fmt: skip


class CTranslate2Error(TranslatorError):
    """CTranslate2 is not installed, or cannot read a model."""


def lacking(options: Mapping[str, Any]) -> list[str]:
    """Which of some options, fields of `SearchOptions` by name, its search has not."""
    # Its own end of search is "finished", which stands in for the default one.
    own = {"stopping"} if options.get("stopping") == "finished" else set()
    return [name for name, value in options.items() if name not in SEARCHED_WITH | own and value != OPTIONS[name]]


def require_options(options: SearchOptions) -> None:
    """Raises an OptionsError if it cannot search with these options, whatever the model is."""
    for name in lacking(vars(options)):
        value = getattr(options, name)
        what = f"`{name}` {value}" if isinstance(value, str) else f"`{name}`"
        raise OptionsError(f"the engine ctranslate2 has no {what}; the engine transformer has it")


def import_ctranslate2() -> ModuleType:
    """The library.

    Raises:
        CTranslate2Error: it is not installed; says how to install it.
    """
    try:
        import ctranslate2
    except ImportError as error:
        what = f"CTranslate2 cannot be imported ({error})"
        raise CTranslate2Error(needs_extra(what, "ctranslate2", "'ctranslate2~=4.8'")) from error
    return ctranslate2


class CTranslate2Engine:
    """Searches with a converted model.

    Attributes:
        compute_type: in what CTranslate2 computes on this machine, such as `float32` or `int8_float32`.
    """

    def __init__(self, folder: Path, pieces: tuple[Sequence[str], Sequence[str]], threads: int | None = None) -> None:
        """Reads a model.

        Args:
            folder: with `model.bin`.
            pieces: the subwords of the source and of the target by their ids.
            threads: that one batch is computed on; by default those of this process (`translator.runtime.own_threads`).

        Raises:
            CTranslate2Error: the library is not installed, or cannot read the model.
        """
        library = import_ctranslate2()
        try:
            self._positions = int(json.loads(read_file(folder / "config.json"))[POSITIONS_KEY])
            self._model = library.Translator(str(folder), device="cpu", intra_threads=threads or own_threads())
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise CTranslate2Error(
                f"{folder} cannot be read as a CTranslate2 model of `translator export`: {error}"
            ) from error
        self._folder = folder
        self.compute_type: str = self._model.compute_type
        self._source, self._target = pieces
        self._ids = {piece: number for number, piece in enumerate(self._target)}

    @classmethod
    def of(cls, folder: Path, source: Tokenizer, target: Tokenizer) -> "CTranslate2Engine":
        """Reads a model with the vocabularies that it was converted with."""
        source_pieces, target_pieces = (side.pieces(range(side.vocabulary_size)) for side in (source, target))
        return cls(folder, (source_pieces, target_pieces))

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        """See `Engine.search`."""
        if not sources:
            return []
        limits = self.require(options, sources)
        found = self._search(sources, max(limits), options)
        # The library has one limit for all. Who passed their own are searched again, with that.
        passed = [i for i, limit in enumerate(limits) if any(each.length > limit for each in found[i])]
        for limit in {limits[i] for i in passed}:
            rows = [i for i in passed if limits[i] == limit]
            for i, hypotheses in zip(rows, self._search([sources[i] for i in rows], limit, options), strict=True):
                found[i] = hypotheses
        return found

    def require(self, options: SearchOptions, sources: Sequence[Sequence[int]] = ()) -> list[int]:
        """The most tokens that each translation may have, EOS included.

        Raises:
            OptionsError: it cannot search with these options.
        """
        require_options(options)
        limits = [options.max_target_tokens(len(ids) + 1) for ids in sources]
        if max(limits, default=0) > self._positions:
            raise OptionsError(
                f"translations of up to {max(limits):,} tokens are asked for, but the converted model has "
                f"{self._positions:,} positions; lower `max_length_factor`, or use the engine transformer"
            )
        return limits

    def log_probs(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        """The log-probability of given translations, EOS included: ids without BOS and EOS."""
        scored = self._model.score_batch(
            self._tokens(sources), [[self._target[i] for i in ids] for ids in targets],
            max_batch_size=16, max_input_length=0,
        )  # fmt: skip
        return [float(sum(each.log_probs)) for each in scored]

    def fingerprint(self) -> dict[str, str]:
        """See `Identified.fingerprint`; with `compute_type`, which depends on the processor."""
        files = "".join(sha256(self._folder / name) for name in MODEL_FILES)
        weights = hashlib.sha256(files.encode()).hexdigest()
        return {"engine": "ctranslate2", "weights": weights, "compute_type": self.compute_type}

    def _tokens(self, sources: Sequence[Sequence[int]]) -> list[list[str]]:
        return [[self._source[i] for i in ids] for ids in sources]

    def _search(self, sources: Sequence[Sequence[int]], limit: int, options: SearchOptions) -> list[list[Hypothesis]]:
        """Searches with one limit of length."""
        results = self._model.translate_batch(
            self._tokens(sources),
            beam_size=options.beam_size,
            # It refuses to return more than it waits for.
            num_hypotheses=max(1, min(options.beam_size, int(options.beam_size * options.patience))),
            patience=options.patience,
            length_penalty=options.length_penalty,
            repetition_penalty=options.repetition_penalty,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            disable_unk=True,
            suppress_sequences=[[self._target[i] for i in ids] for ids in ((PAD_ID,), (BOS_ID,), *options.suppressed)],
            return_scores=True,
            return_end_token=True,
            min_decoding_length=0,
            # By default it cuts at 1,024 tokens in, and at 256 out, without a word.
            max_input_length=0,
            max_decoding_length=limit,
        )
        return [self._hypotheses(result, options.length_penalty) for result in results]

    def _hypotheses(self, result: Any, length_penalty: float) -> list[Hypothesis]:
        hypotheses = []
        for tokens, score in zip(result.hypotheses, result.scores, strict=True):
            ids = [self._ids[token] for token in tokens]
            ended = ids[-1:] == [EOS_ID]
            kept = tuple(ids[:-1] if ended else ids)
            hypotheses.append(Hypothesis(kept, score, score * len(ids) ** length_penalty, ended))
        return hypotheses
