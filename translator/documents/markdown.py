"""Markdown: the text of paragraphs, headings, lists, quotations and tables.

Blocks are found by markdown-it-py, which follows CommonMark. Code, front matter, blocks of HTML, definitions of
links and every character that marks something up stay.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import normalizeReference

from translator.documents.pieces import (
    Break,
    Close,
    Kept,
    Open,
    Piece,
    Pieces,
    Point,
    Skeleton,
    Slot,
    Space,
    paired,
    raw,
)

FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*(?:\r\n|\r|\n)(?:[^\r\n]*(?:\r\n|\r|\n))*?\1[ \t]*(?:\r\n|\r|\n|\Z)")
LINE_END = re.compile(r"\r\n|\r|\n")
# What is in a paragraph beside words. What is longer than 1000 characters is text: without a limit, many beginnings
# that have no end would take quadratic time.
INLINE = re.compile(
    r"""
      (?P<kept>
          (?P<ticks>(?<!`)`+(?!`)).{1,1000}?(?<!`)(?P=ticks)(?!`)
        | <(?P<raw>code|kbd|samp|var|pre|script|style)\b[^<>]*>.{0,1000}?</(?P=raw)\s*>
        | (?<![^\W_])[^\W_]+(?:(?:\\[!-/:-@\[-`{-~])+[^\W_]+)+ | (?<!\S)(?:\\[!-/:-@\[-`{-~])+(?!\S)
        | (?<![^\W_])(?:[^\W_]*&(?:\#x[0-9a-fA-F]{1,6}|\#\d{1,7}|[A-Za-z][A-Za-z0-9]{1,31});)+[^\W_]*
        | \$\$.{1,1000}?\$\$ | \$(?=\S)[^$\n]*?(?<=\S)\$(?!\d)
        | <[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*> | <[^\s<>@]+@[^\s<>@]+>
        | (?:https?://|www\.)[^\s<>()\[\]]*[^\s<>()\[\].,;:!?*_~'"]
      )
    | (?P<point>\\[!-/:-@\[-`{-~] | <!--.{0,1000}?--> | <[?!].{0,1000}?> | \[\^[^\[\]\s]+\]:? | \A\[[ xX]\](?=\s))
    | (?P<end_tag></(?P<ended>[A-Za-z][A-Za-z0-9-]*)\s*>)
    | (?P<tag><(?P<name>[A-Za-z][A-Za-z0-9-]*)(?:\s+[^\s"'=<>/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?)*\s*/?>)
    | (?P<emphasis>\*+|_+|(?<!~)~~(?!~))
    | (?P<bracket>!?\[)
    """,
    re.VERBOSE | re.DOTALL,
)
# What follows the text of a link: where it leads, with a title; or the name of a definition.
TARGET = re.compile(
    r"""\(\s*(?:(?:<[^<>\n]*>|(?:[^\s()<]|\([^\s()]*\))(?:[^\s()]|\([^\s()]*\))*)
        (?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*)?\) | \[[^\[\]]+\]""",
    re.VERBOSE,
)
# What begins a block where a line begins, or makes a heading of the line before.
BLOCK = re.compile(r"[-+*][ \t]|#{1,6}(?:[ \t]|\Z)|1[.)][ \t]|>|(?:=+|-+)[ \t]*(?:[\r\n]|\Z)|```|~~~")
LINE_START = re.compile(r"[\r\n>] {0,3}\Z")  # indented no further, for then no block begins there
LONGEST_NAME = 999  # characters of the name of a link (CommonMark, §4.7)
CELLS = {"th_open", "td_open"}
VOID = {"area", "br", "embed", "hr", "img", "input", "source", "track", "wbr"}


def read(text: str) -> Skeleton:
    """Finds the text of a document."""
    matter = FRONT_MATTER.match(text)
    begin = matter.end() if matter else 0
    line_ends = list(LINE_END.finditer(text, begin))
    lines = list(
        zip(
            [begin, *(each.end() for each in line_ends)],
            [*(each.start() for each in line_ends), len(text)],
            strict=True,
        )
    )
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("inline")
    environment: dict[str, Any] = {}
    tokens = parser.parse(text[begin:], environment)
    slots: list[Slot] = []
    at = begin
    for before, token in itertools.pairwise(tokens):
        if token.type != "inline" or not token.map or not token.content.strip():
            continue
        contents = token.content.split("\n")
        spans: list[tuple[int, int]] = []
        for content, (start, end) in zip(contents, lines[slice(*token.map)], strict=False):
            if found := _find(text, content.strip(), (max(at, start), end), in_row=before.type in CELLS):
                spans.append(found)
                at = found[1]
        if len(spans) == len(contents):
            pieces = _pieces(text, spans, environment.get("references", {}))
            slots.append(Slot(spans[0][0], spans[-1][1], pieces))
    return Skeleton(text, slots, _string)


def _string(pieces: Pieces) -> str:
    """A translation of a paragraph: without emphasis of nothing, and without line ends that would begin a block."""
    found: list[Piece] = []
    for i, piece in enumerate(pieces):
        if isinstance(piece, Close) and found and isinstance(found[-1], Open) and found[-1].what[0] in "*_~":
            found.pop()
        elif isinstance(piece, Space) and LINE_START.search(piece.what) and BLOCK.match(raw(pieces[i + 1 : i + 9])):
            found.append(" ")
        else:
            found.append(piece)
    return raw(found)


def _find(text: str, content: str, within: tuple[int, int], *, in_row: bool) -> tuple[int, int] | None:
    """Where the content of a line is: at its end, but in headings and rows of tables."""
    start, end = within
    line = text[start:end].rstrip()
    if not in_row and line.endswith(content):
        return start + len(line) - len(content), start + len(line)
    for written in (content, content.replace("|", "\\|")):
        if (at := line.find(written)) >= 0:
            return start + at, start + at + len(written)
    return None


def _pieces(text: str, lines: list[tuple[int, int]], definitions: Mapping[str, Any]) -> list[Piece]:
    """The pieces of a paragraph in one or several lines."""
    for i, (start, end) in enumerate(lines[:-1]):
        if text[end - 1] == "\\" and end - 1 > start:
            lines[i] = start, end - 1  # it breaks the line
    between = [text[end:start] for (_, end), (start, _) in itertools.pairwise(lines)]
    breaks = iter(between)
    found: list[Piece] = []
    for piece in _inline("\n".join(text[start:end] for start, end in lines), definitions):
        first, *others = (piece if isinstance(piece, str) else piece.what).split("\n")
        if isinstance(piece, str):
            found.append(first)
            for other in others:
                ending = next(breaks)
                found += [Break(ending) if ending.startswith(("  ", "\\")) else Space(ending), other]
        else:
            found.append(type(piece)(first + "".join(next(breaks) + other for other in others)))
    return [piece for piece in found if piece != ""]


def _inline(text: str, definitions: Mapping[str, Any]) -> list[Piece]:
    """A paragraph's text and markup; the string of a piece is that of the text."""
    found: list[Piece] = []
    links: list[tuple[int, int]] = []  # of those that have begun, the last to begin at the end: where their text ends
    emphasis: list[str] = []
    brackets = _brackets(text)
    at = 0
    while at < len(text):
        end = links[-1][0] if links else len(text)
        match = INLINE.search(text, at, end)  # what begins in the text of a link ends there, or is text
        found.append(text[at : match.start() if match else end])
        if not match and links:
            end, at = links.pop()
            found.append(Close((text[end:at], "[")))
            continue
        if not match:
            break
        at = match.end()
        if match["emphasis"]:
            found += _emphasis(text, match, emphasis)
        elif match["bracket"]:
            piece, at = _bracket(text, match, brackets.get(match.end() - 1), end, definitions)
            if isinstance(piece, Open):
                links.append((brackets[match.end() - 1], at))
                at = match.end()
            found.append(piece)
        elif match["tag"]:
            is_void = match["name"].lower() in VOID or match["tag"].endswith("/>")
            found.append(Point(match["tag"]) if is_void else Open((match["tag"], match["name"].lower())))
        elif match["end_tag"]:
            found.append(Close((match["end_tag"], match["ended"].lower())))
        else:
            found.append(Kept(match[0]) if match["kept"] else Point(match[0]))
    return paired(found, lone=lambda string: string if string[0] in "*_~" else Point(string))


def _emphasis(text: str, match: re.Match[str], begun: list[str]) -> Iterator[Piece]:
    """A run of asterisks, underscores or tildes: it begins emphasis, ends it or is text (CommonMark, §6.2)."""
    run = match[0]
    before, after = text[max(match.start() - 1, 0) : match.start()] or " ", text[match.end() : match.end() + 1] or " "
    before_is_mark, after_is_mark = (not each.isalnum() and not each.isspace() for each in (before, after))
    opens = not after.isspace() and (not after_is_mark or before_is_mark or before.isspace())
    closes = not before.isspace() and (not before_is_mark or after_is_mark or after.isspace())
    if run[0] == "_":
        opens, closes = opens and (not closes or before_is_mark), closes and (not opens or after_is_mark)
    while closes and begun and begun[-1][0] == run[:1] and len(begun[-1]) <= len(run):
        key = begun.pop()
        yield Close((key, key))
        run = run[len(key) :]
    if run and opens:
        begun.append(run)
        yield Open((run, run))
    else:
        yield run


def _bracket(
    text: str, match: re.Match[str], end: int | None, limit: int, definitions: Mapping[str, Any]
) -> tuple[Piece, int]:
    """What an opening bracket begins, and where all of it ends: a link, a name that is kept, or text.

    Args:
        text: of the paragraph.
        match: the bracket.
        end: where its other half is.
        limit: where the text ends that it is in, as that of a link.
        definitions: the links that have a name.
    """
    if end is None:
        return match[0], match.end()
    if target := TARGET.match(text, end + 1, limit):
        return Open((match[0], "[")), target.end()
    if end - match.end() <= LONGEST_NAME and normalizeReference(text[match.end() : end]) in definitions:
        end += 3 if text[end + 1 : end + 3] == "[]" else 1
        return Kept(text[match.start() : end]), end
    return match[0], match.end()


def _brackets(text: str) -> dict[int, int]:
    """Where each bracket that opens is, and where its other half is."""
    found: dict[int, int] = {}
    begun: list[int] = []
    for match in re.finditer(r"`+[^`]*`+|\\.|[\[\]]", text):
        if match[0] == "[":
            begun.append(match.start())
        elif match[0] == "]" and begun:
            found[begun.pop()] = match.start()
    return found
