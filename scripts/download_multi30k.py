#!/usr/bin/env python3
"""Downloads Multi30k (Elliott et al., 2016): 31,014 image captions in English, German, French and Czech.

    python scripts/download_multi30k.py [FOLDER]

Complete files are not downloaded again, so an interrupted download is continued by the same command. Needs only Python.
"""

import argparse
import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from pathlib import Path

SOURCE = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"
TIMEOUT_SECONDS = 30.0
SHA256 = {
    "test_2016_flickr.cs.gz": "200a4a74cc9560f051924abb9803be008d1908d77f747e9141aeb86dfd2797f1",
    "test_2016_flickr.de.gz": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    "test_2016_flickr.en.gz": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    "test_2016_flickr.fr.gz": "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
    "train.cs.gz": "a65adb8b32e3bc664f21ecba7a6e7f6950fd1f405e135f7c312faabdb6255077",
    "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "train.fr.gz": "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c",
    "val.cs.gz": "b63226e05c4bd5dd6a42897d74b86a1b9d2c31498252c572b1ea7f7996927fcc",
    "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "val.fr.gz": "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9",
}


class DownloadError(Exception):
    """A file that could not be fetched whole."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Downloads Multi30k: English, German, French and Czech, 12 files.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("data/multi30k"), help="default: %(default)s")
    parser.add_argument("--source", default=SOURCE, help="where the files are; default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, sha256 in SHA256.items():
            print(f"{options.folder / name}: {_obtain(options.folder / name, f'{options.source}/{name}', sha256)}")
    except (DownloadError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _obtain(path: Path, url: str, sha256: str) -> str:
    """Downloads the file unless it is complete already; returns what was done, for a message."""
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
        return "there already"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{url} cannot be fetched: HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url} cannot be fetched, is there a network? {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DownloadError(f"{url} is not the file expected: its SHA-256 is {found}, not {sha256}")
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return f"{len(content):,} bytes"


if __name__ == "__main__":
    sys.exit(main())
