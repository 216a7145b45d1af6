"""What a hostile hand may write, and what must come of it: text, bytes, damage to files, and one clear line."""

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from translator.errors import MOST_CHARACTERS, TranslatorError
from translator.grammar import sentence_pairs

SENTENCES = [english for english, _ in itertools.islice(sentence_pairs("train"), 60)]
VOCABULARY = 64  # subwords, of the more that they would give

# Ends of lines and what only looks like one, marks of no letter, halves of pairs, what terminals and markup obey.
ODD = [
    "\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\ufeff", "\0", "\x1b[2J", "\x7f", "\ud83d", "\udfff", "\udcff",
    "\u0301", "\u200b", "\u202e", "\ue000", "\U000e0001", "\U0010ffff", "\ufffd", "▁", "⁇", "</s>", "[/b]", ":smile:",
    " ", "\t", "\u3000", "ﷺ", "日本", "👩\u200d🚀", "%s", "{lang}", "../", "a", "one two ",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(ODD) | st.text(st.characters(), max_size=4), max_size=10).map("".join)
LONG_TEXT = st.builds(
    lambda unit, length: (unit * length)[:length], st.sampled_from(ODD), st.sampled_from([1000, 100_000])
)
BYTES = (
    st.binary(max_size=60)
    | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | TEXT.map(lambda text: text.encode("utf-16", "surrogatepass"))
    | TEXT.map(lambda text: text.encode("utf-8", "replace"))
)


def budget(examples: int) -> settings:
    """So many examples in `make test`, and as many times more as the profile has that `make test-faults` loads."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples * settings().max_examples // 100, suppress_health_check=checks)


@contextlib.contextmanager
def clear_errors(kind: type[TranslatorError], *named: object) -> Iterator[list[str]]:
    """Takes an error of the kind for an answer if it is a line, or a few, that one can read, and names what it should.

    Yields:
        A list that gets the lines.
    """
    lines: list[str] = []
    try:
        yield lines
    except kind as error:
        lines += str(error).split("\n")
    assert all(line.isprintable() and 10 < len(line) < 2 * MOST_CHARACTERS for line in lines), lines
    assert not lines or all(str(name) in lines[0] for name in named), lines


Damage = Callable[[Path], None]


def _flipped(place: int, bit: int) -> Damage:
    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[place % len(content)] ^= 1 << bit
        path.write_bytes(content)

    return flip


def _replaced(make: Callable[[Path], None]) -> Damage:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


# What may befall a file: bits flipped, the end cut off, other bytes; a link, a pipe, a device, a folder in its place.
DAMAGE: st.SearchStrategy[Damage] = st.one_of(
    st.builds(_flipped, st.integers(0, 2**20), st.integers(0, 7)),
    st.integers(0, 4000).map(lambda size: lambda path: os.truncate(path, min(size, path.stat().st_size - 1))),
    BYTES.map(lambda content: lambda path: path.write_bytes(content)),
    st.sampled_from(
        [
            lambda path: path.unlink(),
            _replaced(lambda path: path.mkdir()),
            _replaced(os.mkfifo),
            _replaced(lambda path: path.symlink_to("/dev/zero")),
            _replaced(lambda path: path.symlink_to(path)),
        ]
    ),
)


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, to see that none has changed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def anew(folder: Path, origin: Path) -> Path:
    """The folder as a fresh copy of another."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(origin, folder)
    return folder


@contextlib.contextmanager
def standard_input(content: bytes) -> Iterator[None]:
    """A file in the place of this process's standard input."""
    before = os.dup(0)
    try:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            os.dup2(file.fileno(), 0)
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)
