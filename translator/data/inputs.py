"""The files of the training corpus as they were when a run took them up, so that a change under it is noticed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pydantic

from translator.data.corpora.base import Corpus
from translator.files import read_file, sha256, write_file
from translator.run_folder import RunError, RunFolder

MOST_NAMED = 5  # files that have changed
GONE = " is gone"


class Input(NamedTuple):
    """A file of the training corpus, as it was when the vocabulary was learned, or the corpus last encoded."""

    corpus: int  # index in `data.train`
    name: str  # within that corpus; stays the same when the data is moved
    path: str
    size: int  # bytes
    modified: int  # nanoseconds since 1970
    sha256: str


def inputs_of(corpora: Sequence[Corpus], known: list[Input]) -> list[Input]:
    """The files of corpora with their checksums.

    A file whose size and time are the known ones is not read again. A corpus without any file left keeps its known
    ones: as long as the store exists, the files are not needed.
    """
    checksums = {(input_.path, input_.size, input_.modified): input_.sha256 for input_ in known}
    inputs = []
    for number, corpus in enumerate(corpora):
        files = corpus.inputs()
        for name, path in files:
            state = str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns
            inputs.append(Input(number, name, *state, checksums.get(state) or sha256(path)))
        if not files:
            inputs += [input_ for input_ in known if input_.corpus == number]
    return inputs


def changes_of(known: list[Input], inputs: list[Input]) -> list[str]:
    """What has happened to each file that differs from the known one, those that are gone first."""
    before, now = ({(input_.corpus, input_.name): input_ for input_ in each} for each in (known, inputs))
    gone = [f"{before[key].path}{GONE}" for key in before if key not in now]
    changed = []
    for key, input_ in now.items():
        if key not in before:
            changed.append(f"{input_.path} is new")
        elif input_.sha256 != before[key].sha256:
            changed.append(f"{input_.path} has changed")
    return gone + changed if known else []


def some_of(changed: list[str]) -> str:
    """The first of what `changes_of` found, and how many more there are."""
    more = f" and {len(changed) - MOST_NAMED:,} more" if len(changed) > MOST_NAMED else ""
    return "; ".join(changed[:MOST_NAMED]) + more


def require_unchanged(run: RunFolder, known: list[Input], inputs: list[Input]) -> None:
    """Raises a RunError for files that differ from those that a run was made from, as far as those are known."""
    if not (changed := changes_of(known, inputs)):
        return
    if run.is_trained:
        made, otherwise = "trained on", "continue with the present ones, from the start of the epoch,"
    else:
        made = "prepared from"
        otherwise = f"delete {run.path} to learn the vocabulary again, or keep it for the present ones"
    # Without a file, a corpus cannot be read.
    can_continue = not all(change.endswith(GONE) for change in changed)
    raise RunError(
        f"{run.path} was {made} other data: {some_of(changed)}. Restore the files"
        f"{f', or {otherwise} by --set data.on_change=continue' if can_continue else ''}"
    )


def missing_inputs(inputs: list[Input]) -> list[str]:
    """Paths of files that no longer exist."""
    return [input_.path for input_ in inputs if not Path(input_.path).exists()]


def read_inputs(run: RunFolder) -> list[Input]:
    """What `write_inputs` wrote; empty if there is nothing readable."""
    try:
        return pydantic.TypeAdapter(list[Input]).validate_json(read_file(run.inputs))
    except (OSError, ValueError):
        return []


def write_inputs(run: RunFolder, inputs: list[Input]) -> None:
    """Keeps the state of the input files in the run folder."""
    write_file(run.inputs, json.dumps([input_._asdict() for input_ in inputs], indent=1).encode())
