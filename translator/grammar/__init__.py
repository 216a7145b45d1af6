"""The built-in corpus: a synchronous grammar that writes English and German sentences side by side."""

from translator.grammar.alignment import AlignedPair
from translator.grammar.sentences import aligned_pairs, sentence_pairs
from translator.grammar.splits import SPLITS

__all__ = ["SPLITS", "AlignedPair", "aligned_pairs", "sentence_pairs"]
