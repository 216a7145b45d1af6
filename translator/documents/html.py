"""HTML: the text of blocks, with the inline elements in it as markup, and of some attributes.

lxml repairs what is malformed. Code, preformatted text, scripts, styles, pictures, formulas, what has `translate="no"`
and passages whose `lang` is another language stay.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lxml import etree

from translator.documents.pieces import DEEPEST, Break, Close, DocumentError, Kept, Open, Piece, Pieces, Point, raw
from translator.languages import LanguagePair, primary

Element = Any  # of lxml, which has no types

BLOCKS = {
    "address", "article", "aside", "base", "blockquote", "body", "caption", "center", "col", "colgroup", "datalist",
    "dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
    "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hgroup", "hr", "html", "legend", "li", "link",
    "main", "menu", "meta", "nav", "ol", "optgroup", "option", "p", "pre", "search", "section", "summary", "table",
    "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul",
}  # fmt: skip
WORDS = {"code", "kbd", "math", "samp", "var"}  # untouched, and read as a word
UNTOUCHED = WORDS | {
    "audio", "canvas", "embed", "iframe", "img", "input", "object", "pre", "script", "style", "svg", "template",
    "textarea", "video", "wbr",
}  # fmt: skip
ATTRIBUTES = ("alt", "title", "placeholder", "aria-label")
BUTTONS = {"button", "reset", "submit"}  # kinds of `input` whose value is read
DESCRIPTIONS = {"description", "og:description", "og:title", "twitter:description", "twitter:title"}  # of `meta`
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_COMMENT = re.compile(r"\s*<!--")
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_SPACES = dict.fromkeys(map(ord, "\x0b\x0c\x1c\x1d\x1e\x1f"), " ")  # control characters that part words
_UNWRITABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class HtmlDocument:
    """A page, or a part of one, and where its text goes."""

    def __init__(self, text: str, languages: LanguagePair) -> None:
        """Parses it.

        Raises:
            DocumentError: it has instructions such as `<?xml … ?>` or `<?php … ?>`, which HTML does not have.
        """
        self._languages = languages
        self._text = text
        self._is_whole = _is_page(text)
        page = _writable(text.translate(_SPACES))
        page = page if self._is_whole else f"<html><body>{page}</body></html>"
        parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, default_doctype=False)
        self._root = etree.fromstring(page.encode(), parser)
        if self._root is not None:
            if "<?" in text:
                _require_no_instructions(self._root.getroottree())
            if not self._is_whole or any(each.tag == "html" for each in self._root.itersiblings()):
                _gather(self._root)
        self.units: list[Pieces] = []
        self._writers: list[Callable[[Pieces], None]] = []
        self._of_language: list[tuple[Element, str]] = []  # elements that name the source language, and where
        self._find()

    def written(self, translations: Sequence[Pieces]) -> str:
        """The page with translations."""
        for write, pieces in zip(self._writers, translations, strict=True):
            write(pieces)
        if primary(self._languages.source) != primary(self._languages.target):
            for element, attribute in self._of_language:
                element.set(attribute, self._languages.target)
        if self._root is None:  # no more than a document type or a comment
            return self._text
        if self._is_whole:
            return _string(self._root.getroottree())
        body = self._root.find("body")
        # The text before the first element has no element of its own to be written with.
        holder = etree.Element("span")
        holder.text = _writable(body.text or "")
        before = _string(holder)[len("<span>") : -len("</span>")]
        return before + "".join(map(_string, body))

    def _find(self) -> None:
        """Finds the units, block by block, in the order of the page."""
        waiting = [] if self._root is None else [self._root]
        while waiting:
            block = waiting.pop()
            if self._is_untouched(block):
                continue
            self._find_attributes(block)
            inside = []
            run: list[Element] = []
            before = None
            for child in block:
                if _is_inline(child):
                    run.append(child)
                else:
                    self._find_run(block, before, run)
                    inside.append(child)
                    before, run = child, []
            self._find_run(block, before, run)
            waiting += reversed(inside)

    def _find_run(self, parent: Element, before: Element | None, run: Sequence[Element]) -> None:
        """Makes a unit of the text and the inline elements behind one of the blocks of a parent, or at its start."""
        text = (parent.text if before is None else before.tail) or ""
        pieces = [piece for piece in [text, *self._pieces(run)] if piece != ""]
        if any(isinstance(piece, str) and piece.strip() for piece in pieces):
            self.units.append(pieces)
            self._writers.append(functools.partial(_fill, parent, before, run))

    def _pieces(self, run: Sequence[Element]) -> Iterator[Piece]:
        """The pieces of inline elements and what follows each."""
        waiting: list[tuple[Element, bool]] = [(element, False) for element in reversed(run)]
        depth = 0
        while waiting:
            element, is_open = waiting.pop()
            depth += -1 if is_open else 0
            if is_open:
                yield Close(element)
            elif not isinstance(element.tag, str):
                yield Point(element)
            elif element.tag == "br":
                yield Break(element)
            elif self._is_untouched(element) or depth >= DEEPEST:
                is_word = element.tag in WORDS or element.tag not in UNTOUCHED
                yield Kept(element) if is_word and "".join(element.itertext()).strip() else Point(element)
                if element.tag in ("img", "input"):
                    self._find_attributes(element)
            else:
                self._find_attributes(element)
                depth += 1
                yield Open(element)
                yield element.text or ""
                waiting += [(element, True), *((child, False) for child in reversed(element))]
                continue
            yield element.tail or ""

    def _is_untouched(self, element: Element) -> bool:
        if not isinstance(element.tag, str) or element.tag in UNTOUCHED:
            return True
        if element.get("translate", "").lower() == "no" or "notranslate" in element.get("class", "").split():
            return True
        language = element.get("lang") or element.get(_XML_LANG)
        return bool(language and element is not self._root and primary(language) != primary(self._languages.source))

    def _find_attributes(self, element: Element) -> None:
        names = [name for name in ATTRIBUTES if element.get(name)]
        if element.tag == "input" and element.get("type", "").lower() in BUTTONS:
            names.append("value")
        if element.tag == "meta" and (element.get("name") or element.get("property", "")).lower() in DESCRIPTIONS:
            names.append("content")
        for name in names:
            if element.get(name, "").strip():
                self.units.append([element.get(name)])
                self._writers.append(functools.partial(_set, element, name))
        self._of_language += [(element, name) for name in ("lang", _XML_LANG) if element.get(name)]


def _is_page(text: str) -> bool:
    """Whether a text begins as a whole page does, behind comments."""
    at = 0
    while comment := _COMMENT.match(text, at):
        end = text.find("-->", comment.end())
        if end < 0:
            return False
        at = end + len("-->")
    return bool(_PAGE.match(text, at))


def _require_no_instructions(tree: Element) -> None:
    """Makes sure that there are none; the parser makes comments of them."""
    root = tree.getroot()
    for node in (*root.itersiblings(preceding=True), *root.iter(), *root.itersiblings()):
        if node.tag is etree.PI or (node.tag is etree.Comment and (node.text or "").startswith("?")):
            raise DocumentError(f"line {node.sourceline}: <? is of XML or PHP; translate the HTML that it becomes")


def _gather(root: Element) -> None:
    """Puts what is behind the ends of the body and of the page at the end of the body."""
    body = root.find("body")
    body = root if body is None else body
    waiting: list[Element | str] = [*root.itersiblings()][::-1]
    if body is not root:
        waiting += [*body.itersiblings()][::-1]
        waiting.append(body.tail or "")
        body.tail = None
    while waiting:
        each = waiting.pop()
        if isinstance(each, str) and len(body):
            body[-1].tail = _writable((body[-1].tail or "") + each)
            continue
        if isinstance(each, str):
            body.text = _writable((body.text or "") + each)
            continue
        waiting.append(each.tail or "")
        each.tail = None
        if each.tag in ("html", "head", "body"):
            waiting += [*each][::-1]
            waiting.append(each.text or "")
        else:
            body.append(each)


def _is_inline(element: Element) -> bool:
    """Whether it is part of a line of text, with all that is in it; so are elements that HTML does not know."""
    return not any(each.tag in BLOCKS for each in element.iter() if isinstance(each.tag, str))


def _set(element: Element, attribute: str, pieces: Pieces) -> None:
    element.set(attribute, _writable(raw(pieces)))


def _fill(parent: Element, before: Element | None, run: Sequence[Element], pieces: Pieces) -> None:
    """Puts pieces in the place of a run of inline elements, which they have in them, and of the text around these."""
    for element in run:
        parent.remove(element)
    if before is None:
        parent.text = None
    else:
        before.tail = None
    following = 0 if before is None else parent.index(before) + 1
    inside, last = [parent], before
    for piece in pieces:
        if isinstance(piece, str):
            if last is None:
                inside[-1].text = (inside[-1].text or "") + _writable(piece)
            else:
                last.tail = (last.tail or "") + _writable(piece)
            continue
        element = piece.what
        if isinstance(piece, Close):
            last = inside.pop()
            continue
        if isinstance(piece, Open):
            del element[:]
            element.text = None
        element.tail = None
        if len(inside) == 1:
            parent.insert(following, element)
            following += 1
        else:
            inside[-1].append(element)
        last = element
        if isinstance(piece, Open):
            inside.append(element)
            last = None


def _writable(text: str) -> str:
    """The text without the control characters that no page may hold."""
    return _UNWRITABLE.sub("\ufffd", text)


def _string(tree: Element) -> str:
    return str(etree.tostring(tree, method="html", encoding="unicode"))
