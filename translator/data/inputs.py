"""The files of the training corpus as they were when it was encoded, so that a change under a run is noticed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pydantic

from translator.data.corpora.base import Corpus
from translator.files import read_file, sha256, write_file
from translator.run_folder import RunError, RunFolder

MOST_NAMED = 5  # files that have changed


class Input(NamedTuple):
    """A file of the training corpus, as it was when it was encoded."""

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


def require_unchanged(run: RunFolder, known: list[Input], inputs: list[Input]) -> None:
    """Raises a RunError for files that differ from those that a run was trained on, as far as those are known."""
    before, now = ({(input_.corpus, input_.name): input_ for input_ in each} for each in (known, inputs))
    gone = [f"{before[key].path} is gone" for key in before if key not in now]
    changed = []
    for key, input_ in now.items():
        if key not in before:
            changed.append(f"{input_.path} is new")
        elif input_.sha256 != before[key].sha256:
            changed.append(f"{input_.path} has changed")
    if known and (differing := gone + changed):
        more = f" and {len(differing) - MOST_NAMED:,} more" if len(differing) > MOST_NAMED else ""
        # Without a file, a corpus cannot be read.
        otherwise = ", or continue with the present ones, from the start of the epoch, by --set data.on_change=continue"
        raise RunError(
            f"{run.path} was trained on other data: {'; '.join(differing[:MOST_NAMED])}{more}. Restore the files"
            f"{otherwise if changed else ''}"
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
