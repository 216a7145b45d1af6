"""A validation while several workers train: the chief scores the model and looks into it, the others are told."""

import itertools
import time
from typing import NamedTuple

from translator.config.schema import Config
from translator.data.corpora.formats import by_pair, open_corpora
from translator.data.provenance import places
from translator.data.tokenizer import Tokenizer
from translator.model.transformer import Transformer
from translator.training.setup import make_validator, make_watch
from translator.training.state import Validation
from translator.training.watching import Seen
from translator.training.workers import Workers


class Validated(NamedTuple):
    """What a validation found, and the seconds that it took by the chief's clock."""

    validation: Validation
    seen: Seen  # nothing but at the chief
    seconds: float


class Validating:
    """The validations of a training."""

    def __init__(
        self, config: Config, model: Transformer, tokenizers: tuple[Tokenizer, Tokenizer], workers: Workers
    ) -> None:
        """Reads the validation set."""
        self.validator = make_validator(config, model, tokenizers)
        self._watch = make_watch(config, self.validator) if workers.chief else None
        self._data, self._workers = config.data, workers
        self.fingerprint = self.validator.fingerprint  # of the validation set

    def warn(self) -> None:
        """Says once, before training, which sentences are translated in pieces, and what pictures there won't be."""
        if self._workers.chief:
            by_languages = itertools.chain(*by_pair(self._data.validation, self._data).values())
            self.validator.warn_of_pieces(places(open_corpora(by_languages, self._data)))
        if self._watch:
            self._watch.say_what_is_missing()

    def validate(self, step: int) -> Validated:
        """Validates the current weights; all workers have the same figures, but for BLEU of each pair of languages."""
        began = time.monotonic()
        figures, bleus, seen = [0.0] * 4, dict[str, float](), Seen({}, {})
        if self._workers.chief:
            found = self.validator.validate(step)
            bleus, seen = found.bleus, self._watch.look() if self._watch else seen
            figures = [found.loss, found.nll, found.bleu, time.monotonic() - began]
        loss, nll, bleu, seconds = self._workers.of_chief(figures)
        return Validated(Validation(step, loss, nll, bleu, bleus), seen, seconds)
