"""The formats of documents."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from translator.documents import columns, markdown, plain, subtitles
from translator.documents.gettext import Catalogue
from translator.documents.html import HtmlDocument
from translator.documents.pieces import Document, DocumentError
from translator.languages import LanguagePair

FormatName = Literal["text", "markdown", "html", "srt", "vtt", "tsv", "po"]
SUFFIXES: dict[str, FormatName] = {
    ".txt": "text", ".text": "text", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html",
    ".srt": "srt", ".vtt": "vtt", ".tsv": "tsv", ".po": "po", ".pot": "po",
}  # fmt: skip


class Format(NamedTuple):
    """How a document is read.

    Attributes:
        name: of its format.
        columns: of tab-separated values, those that are translated: names or numbers.
    """

    name: FormatName
    columns: Sequence[str] = ()

    @classmethod
    def of(cls, path: Path, name: FormatName | None = None, columns: Sequence[str] = ()) -> "Format":
        """The format of a file: the one that is named, or that of its suffix.

        Raises:
            DocumentError: its suffix is not known; columns are missing, or are not of this format.
        """
        found = name or SUFFIXES.get(path.suffix.lower())
        if not found:
            raise DocumentError(
                f"{path}: what kind of document is it? Add --document-format {'|'.join(get_args(FormatName))}"
            )
        if found == "tsv" and not columns:
            raise DocumentError(
                f"{path}: which columns? Add --columns with their names or numbers, as in --columns 2,3"
            )
        if columns and found != "tsv":
            raise DocumentError(f"{path}: --columns is for tab-separated values; this is {found}")
        return cls(found, columns)

    def read(self, text: str, languages: LanguagePair) -> Document:
        """Finds what is to be translated.

        Raises:
            DocumentError: it is not a document of this format; says where.
        """
        match self.name:
            case "text":
                return plain.read(text)
            case "markdown":
                return markdown.read(text)
            case "srt":
                return subtitles.read_srt(text)
            case "vtt":
                return subtitles.read_vtt(text)
            case "tsv":
                return columns.read(text, self.columns)
            case "html":
                return HtmlDocument(text, languages)
            case "po":
                return Catalogue(text)
