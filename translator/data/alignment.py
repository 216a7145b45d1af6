"""The word alignment of a sentence and its translation, and the forms that it is written in. No TensorFlow here.

A link (i, j) joins word i of the sentence with word j of the translation, from 0 on.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

Link = tuple[int, int]
Links = frozenset[Link]
Format = Literal["pharaoh", "json", "talp"]


@dataclass(frozen=True)
class Alignment:
    """The words of a sentence and of its translation, and which belong together.

    Attributes:
        links: (i, j) joins `source[i]` with `target[j]`.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    links: Links

    @property
    def document(self) -> dict[str, Any]:
        """Words and links, as JSON has them."""
        return {"source": self.source, "target": self.target, "links": sorted(self.links)}

    def line(self, form: Format) -> str:
        """The alignment as a line: links as Pharaoh or TALP writes them, or words and links as a JSON object."""
        if form == "json":
            return json.dumps(self.document, ensure_ascii=False)
        return pharaoh(self.links) if form == "pharaoh" else talp(self.links)


def pharaoh(links: Links) -> str:
    """Links as Pharaoh and Moses write them: `0-0 1-2`."""
    return " ".join(f"{i}-{j}" for i, j in sorted(links))


def talp(links: Links) -> str:
    """Links as in the gold alignments of NAACL 2003's TALP format, from 1 on: `1-1 2-3`."""
    return " ".join(f"{i + 1}-{j + 1}" for i, j in sorted(links))
