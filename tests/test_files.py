"""Files that are written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from translator.files import OverwriteError, open_file, replacing, require_not_read, write_file


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_replaced_at_the_end_of_the_block(tmp_path: Path):
    path = tmp_path / "out"
    path.write_text("before")
    with replacing(path) as place:
        place.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert names(tmp_path) == {"out"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("existing", [True, False])
def test_after_an_error_or_an_interrupt_the_file_is_what_it_was(
    error: type[BaseException], existing: bool, tmp_path: Path
):
    path = tmp_path / "out"
    if existing:
        path.write_text("before")
    with pytest.raises(error), replacing(path) as place:  # noqa: PT012 - the error is the block's
        place.write_text("half of it")
        raise error
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["before"] * existing


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    real, link = tmp_path / "folder" / "real", tmp_path / "link"
    real.write_text("before")
    link.symlink_to("folder/real")
    write_file(link, b"after")
    assert link.readlink() == Path("folder/real")
    assert real.read_text() == "after"
    assert names(tmp_path) == {"folder", "link"}
    assert names(real.parent) == {"real"}


def test_a_link_that_leads_nowhere_yet_is_followed(tmp_path: Path):
    (tmp_path / "link").symlink_to("new")
    write_file(tmp_path / "link", b"text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new").read_bytes() == b"text"


def test_a_folder_is_no_file(tmp_path: Path):
    with pytest.raises(IsADirectoryError, match=f"is a folder; name a file: '{tmp_path}'$"):
        open_file(tmp_path)


@pytest.mark.parametrize("name", ["read", "link", "hard"])
def test_what_is_read_is_no_output_by_any_name(name: str, tmp_path: Path):
    read = tmp_path / "read"
    read.touch()
    (tmp_path / "link").symlink_to("read")
    (tmp_path / "hard").hardlink_to(read)
    (tmp_path / "other").touch()
    with pytest.raises(OverwriteError, match=f"^--html {tmp_path / name} would overwrite {read}, which is read; name "):
        require_not_read(tmp_path / name, [tmp_path / "other", read], "--html")
    with pytest.raises(OverwriteError, match=f"^--output {tmp_path / 'new'} would overwrite {read}, which is read"):
        require_not_read(tmp_path / "new", [read], beside_it=[tmp_path / name])
    for output in ("other", "new"):
        require_not_read(tmp_path / output, [read, tmp_path / "new"])


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_permissions_stay_also_while_it_is_written(mode: int, tmp_path: Path):
    path = tmp_path / "out"
    path.touch()
    path.chmod(mode)
    with replacing(path) as place:
        place.write_text("text")
        assert stat.S_IMODE(place.stat().st_mode) == mode
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path):
    write_file(tmp_path / "ours", b"")
    (tmp_path / "other").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anything")
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path):
    path = tmp_path / "out"
    path.write_text("before")
    path.chmod(0o400)
    with pytest.raises(PermissionError, match=f"'{path}'$"):
        write_file(path, b"after")
    assert path.read_text() == "before"


def test_a_device_is_written_to_as_it_is():
    with replacing(Path("/dev/null")) as place:
        assert place == Path("/dev/null")
        place.write_text("text")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_pipe_gets_what_is_written(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(pipe, b"text")
        assert os.read(reader, 9) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == {"pipe"}


def test_no_other_file_is_taken_for_the_neighbour(tmp_path: Path):
    (tmp_path / "out.partial").write_text("mine")
    write_file(tmp_path / "out", b"text")
    assert (tmp_path / "out.partial").read_text() == "mine"
    assert names(tmp_path) == {"out.partial", "out"}


def test_of_two_that_write_one_file_each_writes_it_whole(tmp_path: Path):
    with replacing(tmp_path / "out") as one:
        one.write_text("one")
        with replacing(tmp_path / "out") as other:
            other.write_text("the other")
        assert (tmp_path / "out").read_text() == "the other"
    assert (tmp_path / "out").read_text() == "one"
    assert names(tmp_path) == {"out"}


@pytest.mark.parametrize("name", ["x" * 255, "語" * 85])
def test_a_name_may_be_as_long_as_any(name: str, tmp_path: Path):
    write_file(tmp_path / name, b"text")
    assert names(tmp_path) == {name}


@pytest.mark.parametrize("place", ["none/out", "file/out", "x" * 300])
def test_the_error_names_the_file_that_was_asked_for(place: str, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"'{tmp_path / place}'$"):
        write_file(tmp_path / place, b"text")
    assert names(tmp_path) == {"file"}
