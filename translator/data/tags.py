"""Tags of target languages: the subword that a source sentence begins with where a model has several of them.

A tag, such as `<2fr>`, is one id and says which language a sentence is translated into (Johnson et al., 2017, §3). It
is a control subword of the vocabulary, so that the same characters in a text are only text and choose nothing.
"""

import re
from collections.abc import Sequence

from translator.data.tokenizer import Tokenizer
from translator.languages import tag_of

_TAG = re.compile("<2(.+)>")


def tags_of(tokenizer: Tokenizer) -> dict[str, int]:
    """The languages that a vocabulary has a tag for, with its id."""
    model = tokenizer.parsed()
    control = model.SentencePiece.CONTROL
    found = ((id_, _TAG.fullmatch(piece.piece)) for id_, piece in enumerate(model.pieces) if piece.type == control)
    return {tag[1]: id_ for id_, tag in found if tag}


def with_tags(tokenizer: Tokenizer, languages: Sequence[str]) -> Tokenizer:
    """A vocabulary with the tags of languages: those that it lacks come behind its own subwords."""
    known = tags_of(tokenizer)
    if not (lacking := [language for language in languages if language not in known]):
        return tokenizer
    model = tokenizer.parsed()
    kinds = model.SentencePiece
    model.pieces.extend(kinds(piece=tag_of(language), type=kinds.CONTROL) for language in lacking)
    return tokenizer.with_model(model)


def into(tokenizer: Tokenizer, language: str) -> Tokenizer:
    """The source vocabulary of translations into one language: sentences begin with its tag, if it has one."""
    tags = tags_of(tokenizer)
    return tokenizer.with_prefix((tags[language],)) if language in tags else tokenizer
