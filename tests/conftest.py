from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, without a clock: a test fails because of a change, not by chance or on a busy machine.
settings.register_profile("same-every-time", derandomize=True, deadline=None)
settings.load_profile("same-every-time")


@pytest.fixture(scope="session")
def multi30k() -> Path:
    """The folder of the real Multi30k files, in `shared` beside the checkout."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "multi30k"
    if not folder.is_dir():
        pytest.skip(f"the Multi30k files are not in {folder}")
    return folder
