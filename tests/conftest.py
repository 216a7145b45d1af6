from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def multi30k() -> Path:
    """The folder of the real Multi30k files, in `shared` beside the checkout."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "multi30k"
    if not folder.is_dir():
        pytest.skip(f"the Multi30k files are not in {folder}")
    return folder
