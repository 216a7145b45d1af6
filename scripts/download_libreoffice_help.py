#!/usr/bin/env python3
"""Makes a parallel corpus of LibreOffice's help in two languages, from the packages of Debian or Ubuntu.

    python3 scripts/download_libreoffice_help.py FOLDER SOURCE TARGET

The packages (`libreoffice-help-de`, `-en-us`, …) hold the same pages in each language, as HTML. Blocks (paragraphs,
headings, cells of tables) are aligned page by page by their ids. A page belongs to training, validation or test by the
SHA-256 of its name, in any pair of languages and any release. Needs Python and apt, no root and no other package.
"""

import argparse
import gzip
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

PACKAGE = "libreoffice-help-"
PAGE = re.compile(r"\./usr/share/libreoffice/help/[^/]+/text/(.+)\.html")
UNALIGNED = "on pages in another order, without an id that says which"
EMPTY = "empty on a side"
ERROR = "with an error message of the help's own build"
SAME = "the same on both sides (names, formulas, not translated)"
REPEATED = "repeated in the same split"
HELD_TWICE = "of validation or test, a side of which stands in an earlier split"
SPLITS = ("train", "validation", "test")
BROKEN = re.compile(
    r"D'oh! You found a bug|\[\S+ not found\]"
)  # what the help's style sheet writes for dead references
SPACE = re.compile(r"[ \t\n\f\r]+")  # what HTML takes for space; no-break spaces are text
CONTENT = "DisplayArea"
BLOCKS = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6"))


class HelpError(Exception):
    """What keeps the corpus from being made, in one line."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Makes a parallel corpus of LibreOffice's help, by apt.")
    parser.add_argument("folder", type=Path, help="where the corpus goes, a folder for each pair of languages")
    parser.add_argument("source", help="a language, such as en, de or pt-br")
    parser.add_argument("target", help="another language")
    parser.add_argument("--packages", type=Path, help="a folder with the two .deb files, in place of a download")
    options = parser.parse_args(arguments)
    try:
        if _package(options.source) == _package(options.target):
            raise HelpError(f"{options.source} and {options.target} are the same language; name two")
        names = [f"{split}.{language}.gz" for split in SPLITS for language in (options.source, options.target)]
        if others := sorted({path.name for path in options.folder.glob("*.gz")}.difference(names)):
            raise HelpError(f"{options.folder} holds {others[0]}, of another corpus; name another folder")
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.packages or Path(temporary)
            packages = [_package(options.source), _package(options.target)]
            if options.packages is None:
                _download(packages, folder)
            source, target = (_pages(_deb(folder, package)) for package in packages)
        corpus = Corpus()
        corpus.fill(source, target)
        corpus.write(options.folder, (options.source, options.target))
    except (HelpError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _package(language: str) -> str:
    code = language.lower().replace("_", "-")
    return PACKAGE + ("en-us" if code == "en" else code)


def _download(packages: list[str], folder: Path) -> None:
    """Has apt download the packages, which verifies them against the archive's signed lists."""
    if shutil.which("apt-get") is None:
        raise HelpError(
            "there is no apt-get on this machine; download the .deb files of "
            f"{' and '.join(packages)} from https://packages.debian.org and name their folder with --packages"
        )
    known = sorted(_run(["apt-cache", "pkgnames", PACKAGE], folder).split())
    if not known:
        raise HelpError(f"apt knows no packages {PACKAGE}*: run apt-get update as root, then this again")
    for package in packages:
        if package not in known:
            languages = ", ".join(name.removeprefix(PACKAGE) for name in known if name != f"{PACKAGE}common")
            raise HelpError(f"apt knows no package {package}; languages are {languages}")
    try:
        _run(["apt-get", "download", *packages], folder)
    except HelpError as error:
        raise HelpError(f"{error}; is there a network, and has apt-get update run lately?") from error


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("W:")] or ["no message"]
        raise HelpError(f"{' '.join(command)} failed: {lines[0]}")
    return done.stdout


def _deb(folder: Path, package: str) -> Path:
    found = sorted(folder.glob(f"{package}_*.deb"))
    if len(found) != 1:
        raise HelpError(f"{folder} holds {len(found)} files {package}_*.deb; exactly one is needed")
    return found[0]


def _pages(deb: Path) -> dict[str, str]:
    """The HTML of each page of a package, by its name without language: `swriter/guide/anchor_object`."""
    print(deb.name.replace("%3a", ":"))
    if shutil.which("dpkg-deb") is None:
        raise HelpError(f"there is no dpkg-deb on this machine to unpack {deb} with; install dpkg")
    pages: dict[str, str] = {}
    with tempfile.TemporaryFile() as archive:
        done = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], stdout=archive, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise HelpError(f"{deb} is not a whole package: {done.stderr.decode(errors='replace').splitlines()[0]}")
        archive.seek(0)
        with tarfile.open(fileobj=archive) as files:
            for member in files:
                name = PAGE.fullmatch(member.name)
                if name and (content := files.extractfile(member)):
                    pages[name[1]] = content.read().decode("utf-8")
    if not pages:
        raise HelpError(f"{deb} has another layout: no pages usr/share/libreoffice/help/*/text/*.html are in it")
    return pages


@dataclass
class Block:
    """A paragraph, a heading or a cell: its id ("" where it has none) and its text."""

    id: str
    text: str


class _Reader(HTMLParser):
    """Collects the blocks of a page's content; navigation, footer and program code stand outside of them.

    What differs by operating system or by program of the suite ("Command" or "Ctrl") is a `switchinline` with an
    element for each; one is read, the default or else the first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self.has_content = False
        self._depth = 0  # of <div> elements, counted from that of the content
        self._open: Block | None = None
        self._spans: list[str] = []  # what each open <span> is: "switch", "first", "default", "other" or ""
        self._before_switch: list[tuple[str, int]] = []  # the text up to each open switch; alternatives in it so far

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        identity = attributes.get("id", "")
        if tag == "div" and (self._depth or identity == CONTENT):
            self._depth += 1
            self.has_content = True
        elif tag in BLOCKS and self._depth:
            self._close()
            self._open = Block(identity, "")
        elif tag == "br":
            self.handle_data(" ")
        elif tag == "span":
            self._spans.append(self._kind_of_span(attributes))

    def _kind_of_span(self, attributes: dict[str, str]) -> str:
        if attributes.get("class") == "switchinline" and self._open:
            self._before_switch.append((self._open.text, 0))
            return "switch"
        if not self._before_switch or not self._spans or self._spans[-1] != "switch" or not self._open:
            return ""
        before, alternatives = self._before_switch[-1]
        self._before_switch[-1] = (before, alternatives + 1)
        if attributes.get("id", "").startswith("default"):
            self._open.text = before
            return "default"
        return "other" if alternatives else "first"

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self._close()
        elif tag == "div":
            self._depth = max(0, self._depth - 1)
        elif tag == "span" and self._spans and self._spans.pop() == "switch" and self._before_switch:
            self._before_switch.pop()

    def handle_data(self, data: str) -> None:
        if self._open and "other" not in self._spans:
            self._open.text += data

    def _close(self) -> None:
        if self._open:
            self.blocks.append(Block(self._open.id, SPACE.sub(" ", self._open.text).strip(" ")))
        self._open = None
        self._spans.clear()
        self._before_switch.clear()


def blocks_of(page: str, name: str) -> list[Block]:
    """The blocks of a page in their order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    if not reader.has_content:
        raise HelpError(f"the page {name} has another layout: it has no <div id={CONTENT}>")
    return reader.blocks


def align(source: list[Block], target: list[Block]) -> list[tuple[str, str]]:
    """Pairs the blocks of a page: all of them where both languages have the same ids in the same order.

    Where they have not (lists of functions are sorted by their translated names), only ids that occur once on each side
    say which block is which.
    """
    if [block.id for block in source] == [block.id for block in target]:
        return [(ours.text, theirs.text) for ours, theirs in zip(source, target, strict=True)]
    theirs = _by_unique_id(target)
    return [(text, theirs[identity]) for identity, text in _by_unique_id(source).items() if identity in theirs]


def _by_unique_id(blocks: list[Block]) -> dict[str, str]:
    occurrences = Counter(block.id for block in blocks)
    return {block.id: block.text for block in blocks if block.id and occurrences[block.id] == 1}


def split_of(name: str) -> str:
    """The split of a page: one in 16 is test, one in 16 validation."""
    part = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 16
    return {0: "test", 1: "validation"}.get(part, "train")


@dataclass
class Corpus:
    """Aligned pairs by split, and how many of the blocks of the source were left out for which reason."""

    blocks: int = 0
    left_out: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((UNALIGNED, EMPTY, ERROR, SAME, REPEATED, HELD_TWICE), 0)
    )
    pairs: dict[str, dict[tuple[str, str], None]] = field(default_factory=lambda: {split: {} for split in SPLITS})

    def fill(self, source: dict[str, str], target: dict[str, str]) -> None:
        """Aligns the pages of two languages, and takes out of the later splits what stands in an earlier one."""
        common = sorted(source.keys() & target.keys())
        print(f"pages: {len(common):,} in both, {len(source.keys() ^ target.keys()):,} in one alone, left out")
        for name in common:
            for pair in self._pairs_of(blocks_of(source[name], name), blocks_of(target[name], name)):
                self.left_out[REPEATED] += pair in self.pairs[split_of(name)]
                self.pairs[split_of(name)][pair] = None
        seen: set[tuple[int, str]] = set()
        for split in SPLITS:
            kept = {pair: None for pair in self.pairs[split] if not seen & {*enumerate(pair)}}
            self.left_out[HELD_TWICE] += len(self.pairs[split]) - len(kept)
            self.pairs[split] = kept
            seen |= {side for pair in kept for side in enumerate(pair)}

    def _pairs_of(self, source: list[Block], target: list[Block]) -> Iterator[tuple[str, str]]:
        aligned = align(source, target)
        self.blocks += len(source)
        self.left_out[UNALIGNED] += len(source) - len(aligned)
        for pair in aligned:
            if not all(text.strip() for text in pair):
                self.left_out[EMPTY] += 1
            elif any(BROKEN.search(text) for text in pair):
                self.left_out[ERROR] += 1
            elif pair[0] == pair[1]:
                self.left_out[SAME] += 1
            else:
                yield pair

    def write(self, folder: Path, languages: tuple[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        print(f"blocks of {languages[0]}: {self.blocks:,}, of which left out:")
        for reason, count in self.left_out.items():
            print(f"  {count:,} {reason}")
        for split in SPLITS:
            for side, language in enumerate(languages):
                lines = "".join(f"{pair[side]}\n" for pair in self.pairs[split])
                path = folder / f"{split}.{language}.gz"
                unfinished = path.with_name(f"{path.name}.part")
                unfinished.write_bytes(gzip.compress(lines.encode(), mtime=0))
                unfinished.replace(path)
            print(f"{folder / split}.{{{','.join(languages)}}}.gz: {len(self.pairs[split]):,} pairs")


if __name__ == "__main__":
    sys.exit(main())
