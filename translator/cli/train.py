"""`translator train` and `translator prepare`."""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from translator import train as start_training
from translator.cli.arguments import ConfigFile, Overrides, Quiet, RunOption, Settings, settings_of
from translator.cli.console import command_to_translate, console, say
from translator.cli.report import print_report
from translator.config.load import load_config
from translator.config.schema import Config
from translator.errors import shell_quoted
from translator.progress import duration, progress
from translator.run_folder import RunError, RunFolder
from translator.run_log import start_recorded
from translator.shard import Shard

if TYPE_CHECKING:
    from translator.data.store import TokenStore

MOST_NAMED = 20  # shards

UntilStep = Annotated[
    int | None,
    typer.Option(min=1, help="Stop after this step, with a checkpoint; the same command without it goes on."),
]


def train(
    config: ConfigFile,
    overrides: Overrides = None,
    settings: Settings = None,
    run: RunOption = None,
    until_step: UntilStep = None,
    quiet: Quiet = False,
) -> None:
    """Train a model, or resume training it; then score it on the test set."""
    resolved, folder = _asked_for(config, overrides, settings, run)
    shown = Console(quiet=True) if quiet else console
    result = start_training(resolved, folder.path, console=shown, until_step=until_step)
    if quiet:
        return
    if result.report and not result.was_scored:
        print_report(result.report)
    if result.is_chief and not result.was_complete:
        say(f"Translate with:  {command_to_translate(folder.path, resolved.data)}")


def prepare(
    config: ConfigFile,
    overrides: Overrides = None,
    settings: Settings = None,
    run: RunOption = None,
    shard: Annotated[
        str | None,
        typer.Option(help="Encode one part of so many, as in 3/8; other processes do the others. The last one merges."),
    ] = None,
) -> None:
    """Learn the vocabulary and encode the training corpus ahead of `train`, which does it by itself when needed."""
    part = Shard.parse(shard) if shard is not None else None
    resolved, folder = _asked_for(config, overrides, settings, run)
    if part:
        _prepare_shard(resolved, folder, part)
        return
    from translator.data.preflight import require_evaluation_corpora, warn_of_trouble
    from translator.data.prepare import prepare

    began = time.monotonic()
    require_evaluation_corpora(resolved.data)
    with folder.locked():
        resolved = folder.claim(resolved)
        with start_recorded(folder, console):
            warn_of_trouble(resolved, folder)
            with progress(console, "preparing the corpus") as show:
                _, store = prepare(resolved, folder, show)
            say(f"{folder.data}: {_described(store)}, prepared in {duration(time.monotonic() - began)}")


def _prepare_shard(config: Config, folder: RunFolder, shard: Shard) -> None:
    from translator.data.shards import prepare_shard

    with progress(console, f"preparing shard {shard}") as show:
        prepared = prepare_shard(config, folder, shard, show)
    if prepared.store is not None:
        say(f"{folder.data}: {_described(prepared.store)}; all shards are merged")
        return
    others = f"; not used, since they are parts of another number: {_some(prepared.of_other_counts)}"
    say(
        f"{folder.path}: shard {shard} is ready; still missing: {_some(prepared.missing)}"
        + (others if prepared.of_other_counts else "")
    )


def _described(store: "TokenStore") -> str:
    tokens = int(store.source.offsets[-1] + store.target.offsets[-1])
    return f"{store.counts}; {tokens:,} tokens"


def _some(names: Sequence[object]) -> str:
    shown = ", ".join(map(str, names[:MOST_NAMED]))
    return shown + (f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else "")


def _asked_for(
    config: Path, overrides: list[str] | None, settings: list[str] | None, run: Path | None
) -> tuple[Config, RunFolder]:
    """The configuration that a command line asks for, and its run's folder."""
    resolved = load_config(config, settings_of(settings, overrides))
    own = RunFolder(config.parent if config.parent.name not in ("", "..") else config.parent.resolve())
    if run is None and config.name == own.config.name and own.is_claimed:
        free = next(
            path for n in itertools.count(2) if not (path := own.path.with_name(f"{own.path.name}-{n}")).exists()
        )
        raise RunError(
            f"{config} is the configuration of the run {own.path}; say where to. "
            f"To resume that run:  --run {shell_quoted(own.path)}  "
            f"To repeat it in another folder:  --run {shell_quoted(free)}"
        )
    return resolved, RunFolder(run or Path("runs") / config.stem)
