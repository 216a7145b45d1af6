"""Corpora that runs share: prepared once for all that need the same, and linked into the folder of each."""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from translator.config.schema import Config
from translator.data.corpora.formats import open_corpora
from translator.data.inputs import inputs_of, read_inputs, require_unchanged
from translator.lock import LOCK
from translator.run_folder import RunFolder

SIDES = ("source", "target")


def corpus_key(config: Config) -> str:
    """Identifies what a vocabulary and the ids of a training corpus depend on: runs with the same key share both."""
    data = config.data.model_dump(mode="json", exclude={"validation", "test", "on_change", "temperature"})
    data["train"] = [{name: value for name, value in corpus.items() if name != "weight"} for corpus in data["train"]]
    tokenizer = config.tokenizer.model_dump(mode="json", exclude={"sampling_alpha"})
    parts: dict[str, Any] = {"data": data, "tokenizer": tokenizer, "links": bool(config.train.guided_alignment)}
    if config.train.init_from:
        parts["init_from"] = str(config.train.init_from)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def is_prepared(prepared: RunFolder) -> bool:
    """Whether a corpus is there as a whole: the manifest is written last."""
    paths = [prepared.inputs, prepared.data / "manifest.json", *map(prepared.tokenizer, SIDES)]
    return all(path.is_file() for path in paths)


def require_as_prepared(prepared: RunFolder, config: Config) -> None:
    """Raises a RunError where the files of a prepared corpus have changed since."""
    if config.data.on_change == "refuse" and is_prepared(prepared):
        known = read_inputs(prepared)
        require_unchanged(prepared, known, inputs_of(open_corpora(config.data.train, config.data), known))


def begin_run(run: RunFolder, config: Config, prepared: RunFolder) -> None:
    """Makes the folder of a run with a prepared corpus in it, whole or not at all; or claims the one that is there.

    The files are hard links: they take no room, and none of them is ever written to, since all writing replaces. Where
    the file system has no links, they are copies.

    Raises:
        RunError: the run that is there has another configuration.
        LockedError: somebody trains it.
    """
    if run.config.is_file():
        with run.locked():
            run.claim(config)
        return
    partial = RunFolder(run.path.with_name(f"{run.path.name}.partial"))
    shutil.rmtree(partial.path, ignore_errors=True)
    partial.claim(config)
    listed = [prepared.left_out] if prepared.left_out.is_file() else []
    for path in [prepared.inputs, *listed, *map(prepared.tokenizer, SIDES), *sorted(prepared.data.iterdir())]:
        _link(path, partial.path / path.relative_to(prepared.path))
    with contextlib.suppress(OSError):  # an empty folder may be there, where a lock has been looked for
        (run.path / LOCK).unlink(missing_ok=True)
        run.path.rmdir()
    partial.path.rename(run.path)


def _link(path: Path, to: Path) -> None:
    to.parent.mkdir(exist_ok=True)
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)
