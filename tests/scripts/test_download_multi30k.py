import functools
import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.script_modules import load_script

FILES = {"train.en.gz": b"one", "train.de.gz": b"eins"}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, whose files are `FILES` and which goes through no proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    module = load_script("download_multi30k")
    monkeypatch.setattr(
        module, "SHA256", {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    )
    return module


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with `FILES`, and the address where it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_file_is_fetched(script: ModuleType, served: tuple[Path, str], tmp_path: Path) -> None:
    assert script.main([str(tmp_path / "new" / "folder"), "--source", served[1]]) == 0
    assert contents(tmp_path / "new" / "folder") == FILES


def test_whole_files_are_left_alone_and_broken_ones_fetched_again(
    script: ModuleType, served: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.en.gz").write_bytes(FILES["train.en.gz"])
    (tmp_path / "train.de.gz").write_bytes(b"ei")
    (served[0] / "train.en.gz").unlink()  # fetching it would fail
    assert script.main([str(tmp_path), "--source", served[1]]) == 0
    assert (tmp_path / "train.de.gz").read_bytes() == b"eins"
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'train.en.gz'}: there already",
        f"{tmp_path / 'train.de.gz'}: 4 bytes",
    ]


def test_another_files_content_is_refused_and_not_kept(
    script: ModuleType, served: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (served[0] / "train.de.gz").write_bytes(b"zwei")
    folder = tmp_path / "data"
    assert script.main([str(folder), "--source", served[1]]) == 1
    assert contents(folder) == {"train.en.gz": b"one"}
    found, expected = (hashlib.sha256(content).hexdigest() for content in (b"zwei", b"eins"))
    assert capsys.readouterr().err == (
        f"{served[1]}/train.de.gz is not the file expected: its SHA-256 is {found}, not {expected}\n"
    )


def test_a_file_that_the_server_lacks_is_one_line(
    script: ModuleType, served: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (served[0] / "train.de.gz").unlink()
    assert script.main([str(tmp_path / "data"), "--source", served[1]]) == 1
    assert capsys.readouterr().err == f"{served[1]}/train.de.gz cannot be fetched: HTTP 404 File not found\n"


def test_no_network_is_one_line(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        source = f"http://127.0.0.1:{bound.getsockname()[1]}"
        assert script.main([str(tmp_path), "--source", source]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{source}/train.en.gz cannot be fetched, is there a network? ")


def test_the_checksums_are_those_of_the_real_files(multi30k: Path) -> None:
    module = load_script("download_multi30k")
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in multi30k.glob("*.gz")} == module.SHA256
