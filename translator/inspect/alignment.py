"""Which word of a translation comes from which word of the sentence, by what a model looks at.

A translation is read, not searched for: all its tokens are given. What the decoder looks at can be read off where it
writes a token, or where it takes it as input. In deep models the latter says more (Kobayashi et al., 2020, §5; Chen et
al., 2020, "Accurate word alignment induction from neural machine translation", §3.1), in shallow ones the former: which
it is can be measured (`scripts/measure_alignment.py`).

Each word of the translation is joined with the word that it looks at most, and each word of the sentence with the word
that looks at it most; the two sets of links are joined in turn. Where there is a model for the way back, the weights
are the geometric mean of both models' (alignment by agreement: Liang, Taskar and Klein, 2006).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from translator.data.alignment import Alignment, Links
from translator.data.words import Word, words_of
from translator.decoding.language_choice import chosen_pair
from translator.decoding.options import OptionsError
from translator.decoding.translator import Translator
from translator.inspect.links import (
    SYMMETRIZATIONS,
    Symmetrization,
    best_of_sources,
    best_of_targets,
    reversed_links,
)
from translator.inspect.word_weights import Direction, Reading
from translator.languages import primary, writes_no_spaces
from translator.progress import show_nothing
from translator.run_folder import RunError, RunFolder
from translator.training.choosing import Checkpoint


class AlignmentOptions(NamedTuple):
    """How pairs are aligned."""

    reading: Reading | None = None  # what suits each run, by default
    symmetrization: Symmetrization = "grow-diag-final-and"  # of the links of target words and those of source words
    agreement: bool = True  # whether two models' weights are multiplied; else each makes the links of its target words
    tokenized: bool = False  # whether spaces alone separate words


DEFAULTS = AlignmentOptions()


class Aligner:
    """Aligns translations with what a run's model looks at, or two runs' in opposite directions."""

    def __init__(self, directions: Sequence[Direction], languages: tuple[str, str]) -> None:
        """Takes a model from one language to another, and if there is one, a second that goes back."""
        self.directions = directions
        self._spaceless = tuple(map(writes_no_spaces, languages))

    @classmethod
    def load(
        cls,
        run: str | Path,
        reverse: str | Path | None = None,
        checkpoint: Checkpoint | None = None,
        to: str | None = None,
        source: str | None = None,
    ) -> "Aligner":
        """Opens a run folder, and that of a run in the opposite direction.

        Of a run of many languages `to` and `source` say which, and it may go in both directions itself.

        Raises:
            RunError: as `Translator.load`, or the second run does not go back.
            OptionsError: a run's engine has no model to look into.
        """
        paths = [path for path in (run, reverse) if path]
        configs = [RunFolder(Path(path)).load_config() for path in paths]
        languages = [chosen_pair(configs[0].data, to, source)]
        if reverse:
            several = len(configs[1].data.pairs) > 1
            back = languages[0][::-1] if several else (None, None)
            languages.append(chosen_pair(configs[1].data, back[1], back[0]))
        if list(map(primary, languages[-1])) != list(map(primary, languages[0]))[:: -1 if reverse else 1]:
            raise RunError(
                f"{reverse} translates from {' to '.join(languages[1])}; --reverse needs a run "
                f"from {' to '.join(languages[0][::-1])}"
            )
        directions = [
            Direction(Translator.load(path, checkpoint=checkpoint, to=pair.target), Reading.best_of(config))
            for path, config, pair in zip(paths, configs, languages, strict=True)
        ]
        return cls(directions, languages[0])

    def align(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        options: AlignmentOptions = DEFAULTS,
        on_progress: Callable[[int, int], None] = show_nothing,
    ) -> list[Alignment]:
        """Aligns translations with their sentences; as many alignments come back, in the same order.

        Args:
            sources: plain text, a sentence each.
            targets: their translations.
            options: how.
            on_progress: told how many pairs, or pieces of long ones, are done and how many there are.

        Raises:
            OptionsError: there are not as many translations as sentences, or the model has no such layer or head.
        """
        if len(sources) != len(targets):
            raise OptionsError(f"{len(sources):,} sources but {len(targets):,} targets; aligning needs one for each")
        sides = [
            [(text, words_of(text, spaceless, options.tokenized)) for text in texts]
            for texts, spaceless in zip((sources, targets), self._spaceless, strict=True)
        ]
        found = []
        for i, direction in enumerate(self.directions):
            reading = options.reading or direction.reading
            direction.require(reading)
            source, target = sides if i == 0 else sides[::-1]
            found.append(direction.weights(source, target, reading.method, reading.of, on_progress))
        links = [links_of(weights, options) for weights in zip(*found, strict=True)]
        return [
            Alignment(_texts(source_words), _texts(target_words), of_pair)
            for (_, source_words), (_, target_words), of_pair in zip(sides[0], sides[1], links, strict=True)
        ]

    def fingerprint(self) -> dict[str, Any]:
        """What its alignments depend on beside the options: the weights of each model, and what is read off it."""
        return {
            f"{name} of model {number}": value
            for number, direction in enumerate(self.directions, 1)
            for name, value in direction.fingerprint().items()
        }


def links_of(weights: Sequence[np.ndarray], options: AlignmentOptions) -> Links:
    """The links of a pair.

    Args:
        weights: of one model, [target words, source words + 1]; or of two, that of the second with both sides swapped.
        options: how the links of target words and those of source words are made and joined.
    """
    join = SYMMETRIZATIONS[options.symmetrization]
    forward, *backward = [each / np.maximum(each.sum(1, keepdims=True), 1e-9) for each in weights]
    if backward and not options.agreement:
        return join(best_of_targets(forward), reversed_links(best_of_targets(backward[0])))
    if backward:
        # The end of a sentence, which is not a word, is not joined with anything.
        forward, back = (np.maximum(each[:, :-1], 0) for each in (forward, backward[0]))  # weights may be negative
        forward = np.pad(np.sqrt(forward * back.T), [(0, 0), (0, 1)])
    return join(best_of_targets(forward), best_of_sources(forward))


def _texts(words: Sequence[Word]) -> tuple[str, ...]:
    return tuple(word.text for word in words)
