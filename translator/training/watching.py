"""What a few fixed sentences make the model under training look at: a picture of all heads, and their entropies."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from translator.data.corpora.base import SentencePair
from translator.inspect.attention import KINDS, Shown
from translator.inspect.attention_reader import AttentionReader
from translator.inspect.heat_maps import draw
from translator.inspect.plots import is_installed
from translator.training.trackers import Pictures, Row

log = logging.getLogger(__name__)


class Seen(NamedTuple):
    """What there is to write after a validation."""

    figures: Row
    pictures: Pictures


class AttentionWatch:
    """Looks at the same sentences, with their references, at every validation."""

    def __init__(self, reader: AttentionReader, pairs: Sequence[SentencePair], number: int) -> None:
        """Chooses the first sentences that the model can read, so many at most.

        Args:
            reader: of the model under training.
            pairs: the validation set.
            number: `train.attention_images`.
        """
        self.reader = reader
        self.pairs = [pair for pair in pairs if reader.can_read(*pair)][:number]

    def say_what_is_missing(self) -> None:
        """Says once, before the first validation, that there will be no pictures."""
        if not is_installed():
            log.warning(
                "train.attention_images: matplotlib is not installed (the extra plots); entropies alone are written"
            )

    def look(self) -> Seen:
        """Entropies by place, layer and head, the mean over the sentences; and a picture of each place and sentence."""
        found = [self.reader.read(*pair) for pair in self.pairs]
        figures: Row = {}
        for kind in KINDS if found else ():
            of_heads = np.mean([attention.views["tokens"][kind].entropies for attention in found], 0)
            for (layer, head), value in np.ndenumerate(of_heads):
                figures[f"attention_entropy/{kind}/layer_{layer + 1}_head_{head + 1}"] = float(value)
        pictures = {
            f"attention/{kind}/sentence_{i}": draw(attention, Shown(kind, every=True), "png")
            for i, attention in enumerate(found, 1)
            for kind in (KINDS if is_installed() else ())
        }
        return Seen(figures, pictures)
