"""`translator train` and `translator prepare`."""

import contextlib
import itertools
import time
from pathlib import Path

from rich.console import Console

from translator.cli.arguments import ConfigFile, Overrides, RunOption, Settings
from translator.cli.console import console, own_command, say
from translator.cli.evaluate import evaluate_run
from translator.cli.report import print_report
from translator.config.load import load_config
from translator.config.schema import Config
from translator.errors import shell_quoted
from translator.progress import duration, progress
from translator.run_folder import RunError, RunFolder
from translator.run_log import start_recorded
from translator.runtime import gpu_names, start_tensorflow


def train(
    config: ConfigFile,
    overrides: Overrides = None,
    settings: Settings = None,
    run: RunOption = None,
) -> None:
    """Train a model, or resume training it; then score it on the test set."""
    resolved, folder = _asked_for(config, overrides, settings, run)
    start_tensorflow(cpu_devices=sum(name.startswith("CPU") for name in resolved.train.devices or []))
    from translator.data.prepare import open_prepared, prepare, require_evaluation_corpora
    from translator.training.loop import Training
    from translator.training.progress import TrainingProgress
    from translator.training.workers import Workers

    workers = Workers.join(resolved.train.devices, say)
    shown = console if workers.chief else Console(quiet=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(workers.together())
        if workers.chief:
            stack.enter_context(folder.locked())
            require_evaluation_corpora(resolved.data)
            resolved = folder.claim(resolved)
            stack.enter_context(start_recorded(folder, shown, gpu_names()))
            with progress(shown, "preparing the corpus") as show:
                tokenizers, store = prepare(resolved, folder, show)
        workers.wait()
        if not workers.chief:
            resolved = folder.load_config()
            tokenizers, store = open_prepared(resolved, folder)
        with shown.status("building the model …"):
            training = Training(resolved, folder, tokenizers, store, workers, TrainingProgress(shown))
        if resolved.train.batch_tokens == "auto":
            with shown.status("finding the largest batch that fits …"):
                resolved = folder.claim(resolved.with_batch_tokens(training.find_batch_tokens()))
                training = Training(resolved, folder, tokenizers, store, workers, TrainingProgress(shown))
        if any(workers.of_chief([training.complete and folder.model.is_file()])):
            say(
                f"{folder.path} is complete, after {training.state.step:,} steps: {training.reasons}. "
                f"To train on, {training.remedies}; to start afresh:  rm -r {shell_quoted(folder.path)}"
            )
            return
        say(training.summary(), shown)
        training.train()
        if workers.chief and resolved.data.test:
            print_report(evaluate_run(folder, resolved))
    say(f"Translate with:  echo 'A sentence.' | {own_command()} translate {shell_quoted(folder.path)}", shown)


def prepare(
    config: ConfigFile,
    overrides: Overrides = None,
    settings: Settings = None,
    run: RunOption = None,
) -> None:
    """Learn the vocabulary and encode the training corpus ahead of `train`, which does it by itself when needed."""
    resolved, folder = _asked_for(config, overrides, settings, run)
    from translator.data.prepare import prepare, require_evaluation_corpora

    began = time.monotonic()
    require_evaluation_corpora(resolved.data)
    with folder.locked():
        resolved = folder.claim(resolved)
        with start_recorded(folder, console):
            with progress(console, "preparing the corpus") as show:
                _, store = prepare(resolved, folder, show)
            tokens = int(store.source.offsets[-1] + store.target.offsets[-1])
            say(f"{folder.data}: {store.counts}; {tokens:,} tokens, prepared in {duration(time.monotonic() - began)}")


def _asked_for(
    config: Path, overrides: list[str] | None, settings: list[str] | None, run: Path | None
) -> tuple[Config, RunFolder]:
    """The configuration that a command line asks for, and its run's folder."""
    resolved = load_config(config, [*(settings or []), *(overrides or [])])
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
