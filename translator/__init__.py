"""Trains Transformers (Vaswani et al., 2017) to translate, in TensorFlow: parallel text in, a scored translator out.

A run is a folder: `train` makes it, and whatever comes after needs its name alone:

    >>> from translator import Translator, train
    >>> train("configs/multi30k_en_de.yaml", "runs/multi30k_en_de", ["data.root=data/multi30k"]).bleu
    40.21
    >>> Translator.load("runs/multi30k_en_de").translate_text(["A man rides a bike."])
    ['Ein Mann fährt Fahrrad.']

Importing this package does not import TensorFlow; asking for `Translator`, or calling `train`, does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from translator.config.schema import Config
    from translator.decoding.translator import Translator
    from translator.training.run import TrainingResult

__all__ = ["Translator", "__version__", "train"]

__version__ = "0.2.0.dev0"


def train(
    config: "Config | Path | str",
    folder: Path | str,
    settings: Sequence[str] = (),
    *,
    console: "Console | None" = None,
    until_step: int | None = None,
) -> "TrainingResult":
    """Trains a run, or goes on training it, and scores it on its test set: what `translator train` does.

    Args:
        config: a configuration, or the path of its YAML file.
        folder: of the run; made if need be, and gone on with if it holds a run of this configuration.
        settings: as `--set` takes them: `"train.max_minutes=40"`.
        console: where progress is shown, `rich.console.Console(quiet=True)` for nowhere; standard error without one.
        until_step: where training stops for now, with a checkpoint; the same call without it goes on from there.

    Returns:
        The folder's path, the last step, why training ended, and the report on the test set with its scores.

    Raises:
        TranslatorError: an error that the user can fix, in one line.
        Interrupted: Ctrl-C or SIGTERM asked to stop, or `until_step` is reached; the same call goes on from there.
    """
    from rich.console import Console

    from translator.config.load import load_config
    from translator.config.schema import Config
    from translator.run_folder import RunFolder
    from translator.runtime import start_tensorflow

    if isinstance(settings, (str, Mapping)):
        raise TypeError('settings is a list of strings, as in ["train.max_minutes=40"]')
    if not isinstance(config, Config):
        config = load_config(Path(config), settings)
    elif settings:
        raise TypeError("settings change a configuration file; change a Config itself by model_copy")
    start_tensorflow(cpu_devices=sum(name.startswith("CPU") for name in config.train.devices or []))
    from translator.training.run import run

    console = console or Console(stderr=True, highlight=False, emoji=False)
    return run(config, RunFolder(Path(folder)), console, until_step)


def __dir__() -> list[str]:
    """Names `Translator` too, without importing it."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Imports `Translator`, and TensorFlow with it, when it is first asked for (PEP 562)."""
    if name == "Translator":
        from translator.runtime import start_tensorflow

        start_tensorflow()
        from translator.decoding.translator import Translator

        return Translator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
