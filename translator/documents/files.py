"""Files of documents: read, translated, and written whole or not at all."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from translator.decoding.translating import TranslatesText
from translator.documents.formats import Format
from translator.documents.pieces import DocumentError
from translator.documents.translating import Aligns, translated
from translator.files import is_standard_output, open_file, require_not_read, require_writable, write_file
from translator.languages import LanguagePair
from translator.progress import Show, show_nothing
from translator.text_files import what_else_it_is

STANDARD_INPUT = Path("-")


def translate_document(
    path: Path | str,
    output: Path | str | None,
    form: Format,
    languages: LanguagePair,
    load: Callable[[], tuple[TranslatesText, Callable[[], Aligns]]],
    show: Show = show_nothing,
) -> None:
    """Translates a document.

    Args:
        path: of the document; `-` is standard input.
        output: replaced at the end, or not at all; None for standard output.
        form: how it is read, as from `Format.of`.
        languages: from which into which.
        load: gives what translates, such as a `Translator`, once the document has been read, and a function, called if
            markup has to be placed, that gives what aligns, such as an `Aligner`.
        show: told how many sentences are done, and how many there are.

    Raises:
        DocumentError: it is not UTF-8, or no document of this format; says where.
        OverwriteError: the output is the document.
        OSError: it cannot be read, or the output not be written.
    """
    path = Path(path)
    target = None if output is None or is_standard_output(Path(output)) else Path(output)
    if target:
        require_writable(target)
        require_not_read(target, () if path == STANDARD_INPUT else [path])
    try:
        text = _text(path)
        mark = "\ufeff" * text.startswith("\ufeff")
        document = form.read(text.removeprefix(mark), languages)
    except DocumentError as error:
        raise DocumentError(f"{_name(path)}: {error}") from error
    translator, load_aligner = load()
    written = translated(document, languages, translator, load_aligner, show)
    content = (mark + written).encode()
    if target:
        write_file(target, content)
    elif sys.stdout is None:
        raise DocumentError("standard output is closed; name a file with --output")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _name(path: Path) -> str:
    return "standard input" if path == STANDARD_INPUT else os.fspath(path)


def _text(path: Path) -> str:
    """What is in a file of UTF-8; a byte order mark is the first character."""
    if path == STANDARD_INPUT:
        with open(0, "rb", closefd=False) as file:
            content = file.read()
    else:
        with open_file(path) as file:
            content = file.read()
    if other := what_else_it_is(content[:4096], None if path == STANDARD_INPUT else path):
        raise DocumentError(other)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DocumentError(
            f"line {line}: not UTF-8 (byte 0x{content[error.start]:02x}); convert it with iconv -t UTF-8"
        ) from error
