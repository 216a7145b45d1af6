"""A run opened for translating, and whether several of them can translate as one."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from translator.config.schema import Config
from translator.data.prepare import load_tokenizers
from translator.data.tokenizer import Tokenizer
from translator.languages import primary
from translator.model.build import load_model
from translator.model.transformer import Transformer
from translator.run_folder import RunError, RunFolder
from translator.training.choosing import Checkpoint, weights_of


class Member(NamedTuple):
    """A run, of which no weights have been read yet."""

    run: RunFolder
    config: Config
    weights: Path
    source: Tokenizer
    target: Tokenizer

    def build(self) -> Transformer:
        """Its model; see `translator.model.build.load_model`."""
        return load_model(self.config, self.source, self.target, self.weights)


def open_member(path: str | Path, checkpoint: Checkpoint | None) -> Member:
    """Opens a run folder, of which nothing is executed; see `Translator.load`."""
    run = RunFolder(Path(path))
    config = run.load_config()
    weights = weights_of(run, config.train, checkpoint)
    return Member(run, config, weights, *load_tokenizers(run))


def require_alike(members: Sequence[Member]) -> None:
    """Raises a RunError unless all have the languages and the vocabularies of the first."""
    first = members[0]
    for other in members[1:]:
        if _languages(first) != _languages(other):
            pairs = [", ".join(map(str, member.config.data.pairs)) for member in (first, other)]
            raise RunError(
                f"{first.run.path} and {other.run.path} cannot be an ensemble: the one translates {pairs[0]}, "
                f"the other {pairs[1]}"
            )
        for side in ("source", "target"):
            if difference := _difference(getattr(first, side), getattr(other, side)):
                raise RunError(
                    f"{first.run.path} and {other.run.path} cannot be an ensemble, which needs one vocabulary: "
                    f"of the {side} {difference}; train one of them with tokenizer.model set to the other's vocabulary"
                )


def _languages(member: Member) -> set[tuple[str, str]]:
    """The pairs that a run translates."""
    return {(primary(source), primary(target)) for source, target in member.config.data.pairs}


def _difference(one: Tokenizer, other: Tokenizer) -> str | None:
    """What makes two tokenizers give different ids, or read ids differently; None if they are the same."""
    if one.model == other.model:
        return None
    sizes = one.vocabulary_size, other.vocabulary_size
    if sizes[0] != sizes[1]:
        return f"it has {sizes[0]:,} subwords in the one, {sizes[1]:,} in the other"
    subwords = zip(*(tokenizer.pieces(range(sizes[0])) for tokenizer in (one, other)), strict=True)
    for id_, (a, b) in enumerate(subwords):
        if a != b:
            return f"subword {id_} is {a!r} in the one, {b!r} in the other"
    return "the subwords are the same, but not how text is normalized or split into them"
