"""The ids that every vocabulary begins with, and how SentencePiece writes a space."""

PAD_ID, BOS_ID, EOS_ID, UNK_ID = 0, 1, 2, 3
WORD_START = "▁"
