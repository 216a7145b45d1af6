"""The built-in corpus: a synchronous grammar that writes English and German sentences side by side."""

from translator.grammar.sentences import sentence_pairs
from translator.grammar.splits import SPLITS

__all__ = ["SPLITS", "sentence_pairs"]
