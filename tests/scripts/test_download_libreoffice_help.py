"""Packages are built here, of pages with our own text in the layout of LibreOffice's; a script stands for apt."""

import gzip
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests.script_modules import load_script

PAGE = """<html><head><title>{title}</title></head><body><p id="par_nav">Navigation</p>
<div id="DisplayArea"><div></div>{content}</div>
<div id="DonationFrame"></div><footer><div><p>{title}</p></div></footer></body></html>"""

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="builds packages, with dpkg-deb")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("download_libreoffice_help")


def page(*blocks: str) -> str:
    return PAGE.format(title="Title", content="\n".join(blocks))


def paragraph(identity: str, text: str) -> str:
    return f'<p id="{identity}" dir="auto">{text}</p>'


def texts(script: ModuleType, *blocks: str) -> list[tuple[str, str]]:
    return [(block.id, block.text) for block in script.blocks_of(page(*blocks), "a/page")]


def package(folder: Path, language: str, pages: dict[str, str], under: str = "usr/share/libreoffice/help") -> Path:
    """Builds `libreoffice-help-LANGUAGE` with those pages."""
    root = folder / f"root-{language}"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        f"Package: libreoffice-help-{language}\nVersion: 4:1.0-1\nArchitecture: all\n"
        "Maintainer: Nobody <nobody@example.org>\nDescription: pages for a test\n"
    )
    for name, content in pages.items():
        path = root / under / language / "text" / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    deb = folder / f"libreoffice-help-{language}_1.0-1_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, deb], check=True, capture_output=True)
    shutil.rmtree(root)
    return deb


def names(script: ModuleType) -> dict[str, str]:
    """One name of a page for each split."""
    found: dict[str, str] = {}
    for number in range(1000):
        found.setdefault(script.split_of(f"guide/page{number}"), f"guide/page{number}")
    assert set(found) == {"train", "validation", "test"}
    return found


def lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an apt of two languages, in front of the real one."""
    folder = tmp_path / "bin"
    program(folder, "apt-cache", "printf 'libreoffice-help-%s\\n' common en-us de")
    program(folder, "apt-get", f'cp {tmp_path}/libreoffice-help-*.deb . && echo "$@" >{tmp_path}/asked')
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_blocks_are_what_stands_in_paragraphs_and_headings_of_the_content(script: ModuleType) -> None:
    assert texts(
        script,
        '<h1 id="hd_1"><a name="x"></a>Two\n  words</h1>',
        "<table><tr><td><p>A cell<br>of <b>two</b> lines</p></td></tr></table>",
        "<pre>print(1)</pre>",
        paragraph("par_2", " Fish &amp;\t5&nbsp;chips "),
    ) == [("hd_1", "Two words"), ("", "A cell of two lines"), ("par_2", "Fish & 5\u00a0chips")]


@pytest.mark.parametrize(
    ("alternatives", "read"),
    [
        ([("MAC1", "Command"), ("default1", "Ctrl")], "Press Ctrl+A now"),
        ([("default1", "Ctrl"), ("MAC1", "Command")], "Press Ctrl+A now"),
        ([("MAC1", "<span>Com</span>mand"), ("default1", "<span>Ct</span>rl")], "Press Ctrl+A now"),
        ([("WRITER1", "W"), ("CALC1", "C")], "Press W+A now"),
    ],
)
def test_of_alternatives_the_default_is_read_or_the_first(
    script: ModuleType, alternatives: list[tuple[str, str]], read: str
) -> None:
    spans = "".join(f'<span id="{identity}">{text}</span>' for identity, text in alternatives)
    block = paragraph("p", f'Press <span class="switchinline">{spans}</span><span>+A</span> now')
    assert texts(script, block, paragraph("q", "Next")) == [("p", read), ("q", "Next")]


def test_the_same_ids_in_the_same_order_align_all_blocks(script: ModuleType) -> None:
    source = [script.Block("a", "one"), script.Block("", "two"), script.Block("a", "three")]
    target = [script.Block("a", "eins"), script.Block("", "zwei"), script.Block("a", "drei")]
    assert script.align(source, target) == [("one", "eins"), ("two", "zwei"), ("three", "drei")]


def test_in_another_order_only_ids_that_occur_once_align(script: ModuleType) -> None:
    source = [
        script.Block(*block) for block in [("a", "one"), ("", "two"), ("b", "three"), ("c", "four"), ("c", "five")]
    ]
    target = [
        script.Block(*block) for block in [("b", "drei"), ("c", "fünf"), ("c", "vier"), ("a", "eins"), ("", "zwei")]
    ]
    assert script.align(source, target) == [("one", "eins"), ("three", "drei")]


def test_one_page_in_sixteen_is_test_and_one_validation(script: ModuleType) -> None:
    found = [script.split_of(f"page{number}") for number in range(16_000)]
    for split in ("validation", "test"):
        assert found.count(split) == pytest.approx(1000, abs=5 * 31)  # standard deviation √(16,000 · 1/16 · 15/16) = 31


@needs_dpkg
def test_packages_become_a_corpus_and_every_block_is_counted(
    script: ModuleType, apt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = names(script)
    english, german = (
        {
            name["train"]: page(*(paragraph(f"par_{i}", text) for i, text in enumerate(train))),
            name["validation"]: page(paragraph("par_1", held_out[0]), paragraph("par_2", train[0])),
            name["test"]: page(paragraph("par_1", held_out[1]), "<p></p>"),
            only: page(paragraph("par_1", only)),
        }
        for train, held_out, only in [
            (["Open", "Open", "Close", "SUM", "[text/a.xhp#b not found]."], ["A cat", "A dog"], "guide/english"),
            (["Öffnen", "Öffnen", "Schließen", "SUM", "c"], ["Eine Katze", "Ein Hund"], "guide/german"),
        ]
    )
    package(tmp_path, "en-us", english)
    package(tmp_path, "de", german)
    assert script.main([str(tmp_path / "data"), "en", "de"]) == 0
    assert (tmp_path / "asked").read_text().split() == ["download", "libreoffice-help-en-us", "libreoffice-help-de"]
    assert {path.name: lines(path) for path in (tmp_path / "data").iterdir()} == {
        "train.en.gz": ["Open", "Close"],
        "train.de.gz": ["Öffnen", "Schließen"],
        "validation.en.gz": ["A cat"],
        "validation.de.gz": ["Eine Katze"],
        "test.en.gz": ["A dog"],
        "test.de.gz": ["Ein Hund"],
    }
    assert capsys.readouterr().out.splitlines() == [
        "libreoffice-help-en-us_1.0-1_all.deb",
        "libreoffice-help-de_1.0-1_all.deb",
        "pages: 3 in both, 2 in one alone, left out",
        "blocks of en: 9, of which left out:",
        "  0 on pages in another order, without an id that says which",
        "  1 empty on a side",
        "  1 with an error message of the help's own build",
        "  1 the same on both sides (names, formulas, not translated)",
        "  1 repeated in the same split",
        "  1 of validation or test, a side of which stands in an earlier split",
        f"{tmp_path}/data/train.{{en,de}}.gz: 2 pairs",
        f"{tmp_path}/data/validation.{{en,de}}.gz: 1 pairs",
        f"{tmp_path}/data/test.{{en,de}}.gz: 1 pairs",
    ]


@needs_dpkg
def test_packages_that_are_there_need_no_apt(script: ModuleType, tmp_path: Path, apt: Path) -> None:
    program(apt, "apt-get", "exit 1")
    for language, text in [("de", "Baum"), ("ja", "木")]:
        package(tmp_path, language, {names(script)["test"]: page(paragraph("p", text))})
    assert script.main([str(tmp_path / "data"), "ja", "de", "--packages", str(tmp_path)]) == 0
    assert lines(tmp_path / "data" / "test.ja.gz") == ["木"]
    assert lines(tmp_path / "data" / "test.de.gz") == ["Baum"]


@needs_dpkg
def test_a_side_that_stands_in_training_is_not_held_out(script: ModuleType, tmp_path: Path) -> None:
    name = names(script)
    for language, pages in [("en-us", ("Sheet", "Page")), ("de", ("Seite", "Seite"))]:
        blocks = [page(paragraph("p", text)) for text in pages]
        package(tmp_path, language, {name["train"]: blocks[0], name["test"]: blocks[1]})
    assert script.main([str(tmp_path / "data"), "en", "de", "--packages", str(tmp_path)]) == 0
    assert lines(tmp_path / "data" / "test.en.gz") == []


@needs_dpkg
def test_a_second_pair_of_languages_never_overwrites_the_first(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for language, text in [("de", "Baum"), ("ja", "木"), ("fr", "arbre")]:
        package(tmp_path, language, {names(script)["train"]: page(paragraph("p", text))})
    folder = tmp_path / "data"
    for _ in range(2):  # the same pair again is the same files
        assert script.main([str(folder), "fr", "de", "--packages", str(tmp_path)]) == 0
    assert failure(script, [str(folder), "fr", "ja", "--packages", str(tmp_path)], capsys) == (
        f"{folder} holds test.de.gz, of another corpus; name another folder"
    )
    assert lines(folder / "train.de.gz") == ["Baum"]


def failure(script: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert script.main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_no_apt_is_one_line(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert failure(script, [str(tmp_path), "en", "ja"], capsys) == (
        "there is no apt-get on this machine; download the .deb files of "
        "libreoffice-help-en-us and libreoffice-help-ja from "
        "https://packages.debian.org and name their folder with --packages"
    )


def test_apt_without_lists_is_one_line(
    script: ModuleType, apt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(apt, "apt-cache", "true")
    assert failure(script, [str(tmp_path), "en", "de"], capsys) == (
        "apt knows no packages libreoffice-help-*: run apt-get update as root, then this again"
    )


@pytest.mark.usefixtures("apt")
def test_a_language_without_a_package_is_one_line(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failure(script, [str(tmp_path), "en", "tlh"], capsys) == (
        "apt knows no package libreoffice-help-tlh; languages are de, en-us"
    )
    assert failure(script, [str(tmp_path), "en", "en_US"], capsys) == "en and en_US are the same language; name two"


def test_no_network_is_one_line(
    script: ModuleType, apt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(apt, "apt-get", "echo 'W: as root' >&2; echo 'E: Failed to fetch it' >&2; echo 'E: Other' >&2; exit 100")
    assert failure(script, [str(tmp_path), "en", "de"], capsys) == (
        "apt-get download libreoffice-help-en-us libreoffice-help-de failed: E: Failed to fetch it; "
        "is there a network, and has apt-get update run lately?"
    )


def test_packages_that_are_missing_or_broken_are_one_line(
    script: ModuleType, apt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(tmp_path / "data"), "en", "de", "--packages", str(tmp_path)]
    assert failure(script, arguments, capsys) == (
        f"{tmp_path} holds 0 files libreoffice-help-en-us_*.deb; exactly one is needed"
    )
    deb = tmp_path / "libreoffice-help-en-us_1.0-1_all.deb"
    deb.write_bytes(b"")
    program(apt, "dpkg-deb", "echo 'dpkg-deb: error: unexpected end of file' >&2; exit 2")
    assert failure(script, arguments, capsys) == (
        f"{deb} is not a whole package: dpkg-deb: error: unexpected end of file"
    )


@needs_dpkg
def test_another_layout_is_one_line(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(tmp_path / "data"), "en", "de", "--packages", str(tmp_path)]
    deb = package(tmp_path, "en-us", {"a": page()}, under="usr/lib/libreoffice/help")
    assert failure(script, arguments, capsys) == (
        f"{deb} has another layout: no pages usr/share/libreoffice/help/*/text/*.html are in it"
    )
    package(tmp_path, "en-us", {"a": "<html></html>"})
    package(tmp_path, "de", {"a": page()})
    assert failure(script, arguments, capsys) == "the page a has another layout: it has no <div id=DisplayArea>"
    assert not (tmp_path / "data").exists()
