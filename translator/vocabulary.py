"""The ids that every vocabulary begins with, and how SentencePiece writes them and a space."""

PAD_ID, BOS_ID, EOS_ID, UNK_ID = 0, 1, 2, 3
FIRST_FREE_ID = 4
SPECIAL_PIECES = ("<pad>", "<s>", "</s>", "<unk>")  # by their ids, in vocabularies that are learned here
WORD_START = "▁"
