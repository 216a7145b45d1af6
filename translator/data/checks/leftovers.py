"""What converting, scraping and copying leave behind: control characters, HTML, text encoded twice."""

import re
from collections.abc import Callable

import numpy as np

from translator.data.checks import characters
from translator.data.checks.blocks import Block, Texts
from translator.data.checks.findings import Finding, Severity, Tally, counted, graded

ZERO_WIDTH_SPACE = 0x200B
WITHOUT_SPACES = ("THAI", "LAO", "KHMER", "MYANMAR")  # scripts in which a zero-width space stands between words

# Entities, and tags of the elements that running text has.
HTML = re.compile(
    r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#\d{1,7}|#x[0-9a-fA-F]{1,6});"
    r"|</?(?:a|abbr|b|big|br|center|cite|code|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|li|ol|p|pre|q|s|script|small|span|strong"
    r"|style|sub|sup|table|tbody|td|th|tr|tt|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
# UTF-8 read as Latin-1 or Windows-1252, and written as UTF-8: `Ã¤` for `ä`, `â€™` for `’`, `Â°` for `°`.
ENCODED_TWICE = re.compile("[ÃÂ][\x80-\xbf‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œŸžŽ€]|â[\x80€][\x80-\xbf™œžš˜“”¦¢]|ð\x9f|ðŸ")


class Leftovers:
    """Control characters, HTML and text that was encoded twice."""

    def __init__(self) -> None:
        self._control, self._html, self._twice = Tally("control"), Tally("html"), Tally("encoded-twice")

    def look(self, block: Block) -> None:
        """Searches lines that have one of the characters which such text begins with."""
        for tally, find in ((self._control, _control), (self._html, _html), (self._twice, _twice)):
            source, target = map(find, block.sides)
            tally.add(block, sorted(source), source.__getitem__)
            tally.add(block, sorted(target.keys() - source.keys()), target.__getitem__, "target")

    def findings(self) -> list[Finding]:
        """A note each for a few of them, a warning from 0.5% of the pairs on."""
        return [
            *self._control.findings(_describe("control or invisible characters", "remove them")),
            *self._html.findings(_describe("HTML", "decode entities and remove tags, on both sides alike")),
            *self._twice.findings(_describe("text that was encoded in UTF-8 twice (`Ã¤` for `ä`)", "repair it")),
        ]


def _describe(what: str, remedy: str) -> Callable[[int, int], tuple[Severity, str]]:
    def describe(count: int, pairs: int) -> tuple[Severity, str]:
        return graded(count, pairs, 0.005), f"{counted(count, 'pair has', 'pairs have')} {what}; {remedy}"

    return describe


def _control(side: Texts) -> dict[int, str]:
    stray = (side.classes & characters.CONTROL) > 0
    between_words = side.codes == ZERO_WIDTH_SPACE
    if between_words.any():
        scripts = [i for i, script in enumerate(characters.SCRIPTS) if script in WITHOUT_SPACES]
        lines = _lines_with(side, np.isin(characters.scripts_of(side.codes), scripts))
        stray &= ~(between_words & np.isin(side.rows, lines))
    return {row: side.lines[row] for row in _lines_with(side, stray)}


def _html(side: Texts) -> dict[int, str]:
    rows = _lines_with(side, (side.codes == ord("&")) | (side.codes == ord("<")))
    return {row: side.lines[row] for row in rows if HTML.search(side.lines[row])}


def _twice(side: Texts) -> dict[int, str]:
    rows = _lines_with(side, np.isin(side.codes, [ord(c) for c in "ÃÂâð"]))
    return {row: side.lines[row] for row in rows if ENCODED_TWICE.search(side.lines[row])}


def _lines_with(side: Texts, which: np.ndarray) -> list[int]:
    return np.unique(side.rows[which]).tolist()
