"""How much each word of a translation looks at each word of the sentence, by one model.

Letters: L decoder layers, H heads, T and S tokens of translation and sentence.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from translator.config.schema import Config
from translator.data.tokenizer import Tokenizer
from translator.data.words import Word, shares
from translator.decoding.options import OptionsError
from translator.decoding.scored import Pair, batches_of
from translator.decoding.translator import Translator
from translator.inspect.numbered import require_head
from translator.inspect.readings import Method, Reader


@dataclass(frozen=True)
class Reading:
    """What is read off a model.

    Attributes:
        method: `translator.inspect.readings.METHODS` has them.
        layer: of the decoder, from 1 on; None for the mean of all.
        head: from 1 on; None for all of a layer together.
        where: whether a token's attention is that with which the decoder writes it, or that with which it reads it.
    """

    method: Method = "norms"
    layer: int | None = None
    head: int | None = None
    where: Literal["written", "read"] = "written"

    @classmethod
    def best_of(cls, config: Config) -> "Reading":
        """Of a run with guided alignment, the head that was taught, where it was taught; of others the default."""
        return cls("weights", *config.taught_head, "read") if config.taught_head else cls()

    def of(self, weights: np.ndarray) -> np.ndarray:
        """Takes what is wanted of what `Direction.weights` has: -> [target words, source words + 1]."""
        heads = weights[int(self.where == "read"), :, -1 if self.head is None else self.head - 1]
        return heads.mean(0) if self.layer is None else heads[self.layer - 1]


class Side(NamedTuple):
    """One side of a pair, in subwords and in words."""

    ids: list[int]
    members: np.ndarray  # float32 [subwords, words]: the share that a word has of a subword

    def part(self, start: int, end: int, prefix: int = 0) -> "Side":
        """The first subwords, as many as `prefix` says, and those from one to another, with all words."""
        members = np.concatenate([self.members[:prefix], self.members[start:end]])
        return Side(self.ids[:prefix] + self.ids[start:end], members)


class Direction:
    """A model that reads sentences of one language and translations into another."""

    def __init__(self, translator: Translator, reading: Reading) -> None:
        """Takes what opens a model, and what is read off it unless something else is asked for.

        Raises:
            OptionsError: the translator's engine has no model to look into.
        """
        self.translator, self.reading, self.reader = translator, reading, Reader(translator.transformer.model)

    def fingerprint(self) -> dict[str, Any]:
        """What is read off it, and what it depends on: plain values, by name."""
        made_of = self.translator.fingerprint()
        return asdict(self.reading) | {name: made_of[name] for name in ("weights", "vocabularies")}

    def require(self, reading: Reading) -> None:
        """Raises an OptionsError unless the model has the layer and the head."""
        config = self.reader.model.config
        if reading.method == "rollout" and (reading.layer or reading.head):
            raise OptionsError("a rollout goes through all layers and heads; leave layer and head out")
        require_head(reading.layer, reading.head, config.decoder_layers, config.num_heads)

    def weights(
        self,
        sources: Sequence[tuple[str, list[Word]]],
        targets: Sequence[tuple[str, list[Word]]],
        method: Method,
        take: Callable[[np.ndarray], np.ndarray],
        on_progress: Callable[[int, int], None],
    ) -> list[np.ndarray]:
        """Reads pairs, however long.

        Args:
            sources: sentences with their words.
            targets: their translations with theirs.
            method: see `translator.inspect.readings.METHODS`.
            take: what is kept of float32 [2, L, H + 1, target words, source words + 1], linear: where words are
                written, and where they are read; the last of the heads is all of them, the last column the end of the
                sentence. `Reading.of` is one.
            on_progress: told how many pairs, or pieces of long ones, are done and how many there are.

        Returns:
            What is kept of each pair; of a long one, the sum over its pieces.
        """
        pairs = list(zip(_sides(self.translator.source, sources), _sides(self.translator.target, targets), strict=True))
        pieces = [(number, piece) for number, pair in enumerate(pairs) for piece in self._cut(*pair)]
        found = [take(self._nothing(method, *pair)) for pair in pairs]
        done = 0
        for batch in batches_of([Pair(source.ids, target.ids) for _, (source, target) in pieces]):
            parts = [pieces[i][1] for i in batch]
            read = self.reader.read([source.ids for source, _ in parts], [target.ids for _, target in parts], method)
            for i, each in zip(batch, read, strict=True):
                number, part = pieces[i]
                found[number] = found[number] + take(_merged(each, *part))
            done += len(batch)
            on_progress(done, len(pieces))
        return found

    def _cut(self, source: Side, target: Side) -> list[tuple[Side, Side]]:
        """The pieces of a pair that is too long for the model."""
        pieces = []
        prefix = len(self.translator.source.prefix)  # which each piece of the sentence begins with
        start = [prefix, 0]
        for ids in self.translator.pair_cutter.cut(Pair(source.ids, target.ids)):
            end = [start[0] + len(ids.source) - min(prefix, len(ids.source)), start[1] + len(ids.target)]
            pieces.append((source.part(start[0], end[0], prefix), target.part(start[1], end[1])))
            start = end
        return pieces

    def _nothing(self, method: Method, source: Side, target: Side) -> np.ndarray:
        config = self.reader.model.config
        heads = (1, 1) if method == "rollout" else (config.decoder_layers, config.num_heads + 1)
        return np.zeros([2, *heads, target.members.shape[1], source.members.shape[1] + 1], np.float32)


def _sides(tokenizer: Tokenizer, texts: Sequence[tuple[str, list[Word]]]) -> list[Side]:
    encoded = tokenizer.encode_in_place([text for text, _ in texts])
    return [Side(ids, shares(words, spans)) for (ids, spans), (_, words) in zip(encoded, texts, strict=True)]


def _merged(read: np.ndarray, source: Side, target: Side) -> np.ndarray:
    """Subwords to words: sums over those of a source word, means over those of a target word.

    [L, H + 1, T + 1, S + 1] -> [2, L, H + 1, target words, source words + 1]
    """
    columns = np.concatenate([read[..., :-1] @ source.members, read[..., -1:]], -1)
    rows = np.stack([columns[..., :-1, :], columns[..., 1:, :]])
    return (target.members / np.maximum(target.members.sum(0), 1e-9)).T @ rows
