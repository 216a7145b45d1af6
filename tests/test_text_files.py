"""What a file is told to be, and that the command which is suggested makes text of it."""

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import SENTENCES
from translator.text_files import what_else_it_is

LATIN = "Zwei Hunde spielen.\nÜben: ja!\n"
CYRILLIC = "Две собаки играют.\nДа\n"
ARABIC = "كلبان يلعبان في الحديقة\n"


def first_line(content: bytes) -> bytes:
    return io.BytesIO(content).readline()


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16LE"), ("utf-16-be", "UTF-16BE"),
        ("utf-32", "UTF-32"), ("utf-32-le", "UTF-32LE"), ("utf-32-be", "UTF-32BE"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", [LATIN, CYRILLIC, ARABIC])
def test_the_command_for_another_encoding_makes_text_in_utf8(tmp_path: Path, text: str, encoding: str, name: str):
    path = tmp_path / "it's a.txt"
    path.write_bytes(text.encode(encoding))
    what = what_else_it_is(first_line(path.read_bytes()), path)
    assert what
    assert what.startswith(f"is not UTF-8 but {name}; convert it: iconv -f {name} -t UTF-8 < ")
    assert converted(what, path) == text


@pytest.mark.parametrize("mark", [b"\xfe\xff", b"\0\0\xfe\xff"])
def test_a_big_endian_mark_is_known(mark: bytes):
    encoding = "utf-16-be" if len(mark) == 2 else "utf-32-be"
    what = what_else_it_is(mark + "a".encode(encoding), None)
    assert what == f"is not UTF-8 but {encoding[:6].upper()}; pipe it through: iconv -f {encoding[:6].upper()} -t UTF-8"


@pytest.mark.parametrize(
    ("content", "kind", "command"),
    [
        (gzip.compress(LATIN.encode()), "gzip", "gunzip -c"),
        (bz2.compress(LATIN.encode()), "bzip2", "bunzip2 -c"),
        (bz2.compress(LATIN.encode(), 1), "bzip2", "bunzip2 -c"),
        (lzma.compress(LATIN.encode()), "xz", "unxz -c"),
        (b"\x28\xb5\x2f\xfd\x24\x0a\x51\x00\x00Zwei Hunde", "zstd", "unzstd -c"),
    ],
    ids=["gzip", "bzip2", "bzip2 -1", "xz", "zstd"],
)
def test_the_command_for_a_compressed_file_makes_text_of_it(tmp_path: Path, content: bytes, kind: str, command: str):
    path = tmp_path / "a b"
    path.write_bytes(content)
    what = what_else_it_is(first_line(content), path)
    assert what == f"is compressed with {kind}; convert it: {command} < '{path}' > '{path}.txt'"
    if kind != "zstd" and shutil.which(command.split()[0]):
        assert converted(what, path) == LATIN


def test_no_command_overwrites_a_file(tmp_path: Path):
    path = tmp_path / "u"
    path.write_bytes(LATIN.encode("utf-16"))
    for name in ("u.txt", "u-2.txt"):
        path.with_name(name).write_text("kept")
    path.with_name("u-3.txt").symlink_to("nowhere")
    what = what_else_it_is(path.read_bytes(), path)
    assert what == f"is not UTF-8 but UTF-16; convert it: iconv -f UTF-16 -t UTF-8 < {path} > {path}-4.txt"


def converted(what: str, path: Path) -> str:
    """What the command of a message makes of a file."""
    subprocess.run(what.split(": ", 1)[1], shell=True, check=True)
    return path.with_name(f"{path.name}.txt").read_text(encoding="utf-8")


def test_an_archive_is_to_be_unpacked():
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a", LATIN)
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        member = tarfile.TarInfo("a")
        member.size = len(LATIN.encode())
        archive.addfile(member, io.BytesIO(LATIN.encode()))
    for content, kind, command in ((zipped, "ZIP", "unzip"), (tarred, "tar", "tar -xkf")):
        start = first_line(content.getvalue())
        assert what_else_it_is(start, Path("a b")) == f"is a {kind} archive; unpack it: {command} 'a b'"
        assert what_else_it_is(start, None) == f"is a {kind} archive; unpack it first"


def test_what_is_unpacked_on_the_way_is_unpacked_in_the_command():
    assert what_else_it_is("a".encode("utf-16"), Path("a.gz"), "gunzip -c") == (
        "is not UTF-8 but UTF-16; convert it: gunzip -c < a.gz | iconv -f UTF-16 -t UTF-8 > a.gz.txt"
    )


@given(st.sampled_from([*SENTENCES, LATIN, CYRILLIC, ARABIC, "你好,世界。", "สวัสดี", "हिन्दी भाषा"]), st.booleans())
def test_text_in_utf8_is_nothing_else(text: str, marked: bool):
    assert what_else_it_is(text.encode("utf-8-sig" if marked else "utf-8"), None) is None


@pytest.mark.parametrize(
    "text",
    ["", "a", "ab", "a\0b", "\0", "\0\0\0\0", "BZh", "a\x01b\x01" + "oneoftwo" * 5],
)
def test_odd_characters_alone_make_no_other_encoding(text: str):
    assert what_else_it_is(text.encode(), None) is None
