"""Sentences searched with an engine, long ones in pieces, and what is found written out."""

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from translator.data.batches import length_sorted
from translator.data.tokenizer import Tokenizer
from translator.decoding.joining import joined
from translator.decoding.options import Engine, Hypothesis, OptionsError, PrefixEngine, SearchOptions
from translator.decoding.pieces import Cutter
from translator.decoding.translation import Piece, ScoredText, Translation, log_prob_of, score_of
from translator.vocabulary import EOS_ID

log = logging.getLogger(__name__)

Of = TypeVar("Of")


class Searcher:
    """Searches sentences with an engine."""

    def __init__(
        self,
        engine: Engine,
        tokenizers: tuple[Tokenizer, Tokenizer],
        cutter: Cutter,
        max_source_tokens: int,
        batch_sentences: int,
        joiner: str,
    ) -> None:
        """Joins a vocabulary for each side with an engine; the arguments are those of a `Translator`."""
        self._engine, self._cutter, self._joiner = engine, cutter, joiner
        self._source, self._target = tokenizers
        self._most, self._together = max_source_tokens, batch_sentences

    def search(
        self,
        sentences: Sequence[str],
        first_line: int | None,
        on_progress: Callable[[int, int], None] | None,
        options: SearchOptions,
        target_prefixes: Sequence[str] | None,
    ) -> list[list[Piece]]:
        """The pieces of each sentence, searched: the longest first, `batch_sentences` at a time.

        Arguments and errors are those of `Translator.translate`.
        """
        pieces: list[list[int]] = []
        counts = []
        for number, ids in enumerate(self._source.encode(sentences), first_line or 1):
            parts = self._cutter.cut(ids, self._most)
            if len(parts) > 1 and first_line is not None:
                log.warning(
                    "line %d has %s tokens, more than the %d that the model was trained on: translated in %d pieces",
                    number, f"{len(ids):,}", self._most, len(parts),
                )  # fmt: skip
            pieces += parts
            counts.append(len(parts))
        search = self._search_of(counts, target_prefixes)
        unknown = self._unknown(counts, target_prefixes or [])
        searched: dict[int, Piece] = {}
        for batch in length_sorted(pieces, self._together):
            hypotheses = search([pieces[i] for i in batch], batch, options)
            for i, found in zip(batch, hypotheses, strict=True):
                searched[i] = Piece(tuple(pieces[i]), tuple(found), unknown.get(i, ()))
            if on_progress:
                on_progress(len(searched), len(pieces))
        in_order = (searched[i] for i in range(len(pieces)))
        return [list(itertools.islice(in_order, count)) for count in counts]

    def _search_of(
        self, counts: Sequence[int], target_prefixes: Sequence[str] | None
    ) -> Callable[[Sequence[Sequence[int]], Sequence[int], SearchOptions], list[list[Hypothesis]]]:
        """How to search sources, given their numbers among all pieces; `counts` has the pieces of each sentence."""
        if target_prefixes is None:
            return lambda sources, _, options: self._engine.search(sources, options)
        engine = self._engine
        if not isinstance(engine, PrefixEngine):
            raise OptionsError("this engine takes no target prefixes; leave them out, or translate with the run's own")
        if len(target_prefixes) != len(counts):
            raise OptionsError(f"{len(target_prefixes)} target prefixes for {len(counts)} sentences; give one for each")
        of_first = dict(_of_firsts(counts, self._target.encode(target_prefixes)))
        return lambda sources, numbers, options: engine.search_after(
            sources, [of_first.get(number, []) for number in numbers], options
        )

    def _unknown(self, counts: Sequence[int], target_prefixes: Sequence[str]) -> dict[int, tuple[str, ...]]:
        """What the vocabulary lacks of target prefixes, by the piece that begins with it: it stands as it was given."""
        return {first: self._target.unknown(prefix) for first, prefix in _of_firsts(counts, target_prefixes) if prefix}

    def texts(self, searched: Sequence[Sequence[Piece]]) -> list[str]:
        """The translation of each sentence."""
        texts = iter(self._decoded([(piece.best, piece) for pieces in searched for piece in pieces]))
        return [joined(itertools.islice(texts, len(pieces)), self._joiner) for pieces in searched]

    def translations(self, searched: Sequence[Sequence[Piece]], options: SearchOptions) -> list[Translation]:
        """The translation of each sentence with all that is known of it."""
        texts = self.texts(searched)
        return [self._translation(pieces, text, options) for pieces, text in zip(searched, texts, strict=True)]

    def _translation(self, pieces: Sequence[Piece], text: str, options: SearchOptions) -> Translation:
        score, log_prob = score_of(pieces, options), log_prob_of(pieces)
        hypotheses = [ScoredText(text, score, log_prob, *self._tokens([(piece.best, piece) for piece in pieces]))]
        if len(pieces) == 1:
            others = [(other, pieces[0]) for other in pieces[0].hypotheses[1:]]
            hypotheses += [
                ScoredText(text, other.score, other.log_prob, *self._tokens([(other, piece)]))
                for text, (other, piece) in zip(self._decoded(others), others, strict=True)
            ]
        return Translation(text, score, log_prob, tuple(hypotheses), tuple(pieces))

    def _decoded(self, hypotheses: Sequence[tuple[Hypothesis, Piece]]) -> list[str]:
        """The texts of hypotheses, each with the piece that it translates."""
        unknown = [piece.unknown for _, piece in hypotheses]
        return self._target.decode([list(each.ids) for each, _ in hypotheses], unknown if any(unknown) else ())

    def _tokens(self, hypotheses: Sequence[tuple[Hypothesis, Piece]]) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """The subwords of hypotheses in a row, with the log-probability of each; none where those are not known."""
        if any(each.token_log_probs is None for each, _ in hypotheses):
            return (), ()
        pieces = [self._target.pieces([*each.ids, *[EOS_ID] * each.ended], piece.unknown) for each, piece in hypotheses]
        log_probs = [log_prob for each, _ in hypotheses for log_prob in each.token_log_probs or ()]
        return tuple(itertools.chain(*pieces)), tuple(log_probs)


def _of_firsts(counts: Sequence[int], of_sentences: Sequence[Of]) -> Iterator[tuple[int, Of]]:
    """The first piece of each sentence that has pieces, by its number among all, with what is the sentence's."""
    firsts = itertools.accumulate(counts, initial=0)
    return ((first, each) for first, count, each in zip(firsts, counts, of_sentences, strict=False) if count)
