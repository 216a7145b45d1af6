"""Run folders as the models of a server."""

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from translator.config.schema import Config
from translator.data.prepare import load_tokenizers
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.translator import EngineName, Translator
from translator.errors import shell_quoted
from translator.languages import LanguagePair, normalized
from translator.run_folder import RunFolder
from translator.serve.detection import Profile
from translator.serve.errors import ServerError
from translator.serve.limits import Limits
from translator.serve.models import TEXT, Model, Models
from translator.serve.own_model import OwnModel
from translator.training.choosing import Checkpoint


def open_models(
    paths: Sequence[Path],
    limits: Limits,
    beam_size: int | None = None,
    checkpoint: Checkpoint | None = None,
    engine: EngineName = "auto",
    quantization: str | None = None,
) -> Models:
    """Opens runs; see `Translator.load`. The first sentence of each is translated here, which compiles its search.

    Raises:
        ServerError: two of them have the same pair of languages.
        TranslatorError: as `Translator.load`.
    """
    runs = [(path, RunFolder(path).load_config()) for path in paths]
    seen: dict[tuple[str, str], Path] = {}
    for path, (source, target) in ((path, pair) for path, config in runs for pair in config.data.pairs):
        other = seen.setdefault((normalized(source), normalized(target)), path)
        if other is not path:
            raise ServerError(
                f"{shell_quoted(other)} and {shell_quoted(path)} both translate {source} to {target}; "
                "leave one of them out"
            )
    served = [
        _Served(path, config, Translator.load(path, beam_size, checkpoint, engine, quantization), beam_size, checkpoint)
        for path, config in runs
    ]
    models = [model for run in served for model in run.models(limits)]
    for first in [model.batcher.submit(TEXT, ["1 2 3"]) for model in models]:
        first.result()
    return Models(models)


@dataclass
class _Served:
    """A run, whose pairs of languages are models that share its weights."""

    path: Path
    config: Config
    translator: Translator
    beam_size: int | None
    checkpoint: Checkpoint | None
    _opening: threading.Lock = field(default_factory=threading.Lock, init=False)

    def models(self, limits: Limits) -> list[Model]:
        """A model for each of its pairs."""
        data, run = self.config.data, RunFolder(self.path)
        tokenizer, _ = load_tokenizers(run)
        models = []
        for pair in data.pairs:
            of_source = {i for i, corpus in enumerate(data.train) if data.pair_of(corpus).source == pair.source}
            profile, translator = Profile.of_run(run, tokenizer, of_source), self.translator.into(pair.target)
            models.append(Model(pair, translator, profile, limits, functools.partial(self._open_own, pair)))
        return models

    def _open_own(self, pair: LanguagePair) -> OwnModel:
        with self._opening:  # for the threads of other pairs
            return OwnModel(self._own.into(pair.target), self.config.of_pair(pair))

    @functools.cached_property
    def _own(self) -> Translator:
        """With the run's own engine."""
        is_own = isinstance(self.translator.engine, TransformerEngine)
        return self.translator if is_own else Translator.load(self.path, self.beam_size, self.checkpoint)
