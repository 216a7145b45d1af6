"""Run folders as the models of a server."""

from collections.abc import Sequence
from pathlib import Path

from translator.config.schema import Config
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.translator import EngineName, Translator
from translator.errors import shell_quoted
from translator.run_folder import RunFolder
from translator.serve.detection import Profile
from translator.serve.errors import ServerError
from translator.serve.limits import Limits
from translator.serve.models import TEXT, Model, Models, key_of
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
    configs = [RunFolder(path).load_config() for path in paths]
    pairs = [(config.data.source, config.data.target) for config in configs]
    seen: dict[tuple[str, str], Path] = {}
    for path, (source, target) in zip(paths, pairs, strict=True):
        other = seen.setdefault((key_of(source), key_of(target)), path)
        if other is not path:
            raise ServerError(
                f"{shell_quoted(other)} and {shell_quoted(path)} both translate {source} to {target}; "
                "leave one of them out"
            )
    models = []
    for path, config, pair in zip(paths, configs, pairs, strict=True):
        translator = Translator.load(path, beam_size, checkpoint, engine, quantization)
        profile = Profile.of_run(RunFolder(path), translator.source)

        def open_own(path: Path = path, config: Config = config, translator: Translator = translator) -> OwnModel:
            is_own = isinstance(translator.engine, TransformerEngine)
            return OwnModel(translator if is_own else Translator.load(path, beam_size, checkpoint), config)

        models.append(Model(pair, translator, profile, limits, open_own))
    for first in [model.batcher.submit(TEXT, ["1 2 3"]) for model in models]:
        first.result()
    return Models(models)
