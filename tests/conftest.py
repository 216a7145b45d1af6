from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, without a clock: a test fails because of a change, not by chance or on a busy machine.
settings.register_profile("same-every-time", derandomize=True, deadline=None)
# For `make test-faults`: twenty times as many.
settings.register_profile("at-length", derandomize=True, deadline=None, max_examples=2000)
settings.load_profile("same-every-time")


@pytest.fixture(scope="session")
def multi30k() -> Path:
    """The folder of the real Multi30k files, in `shared` beside the checkout."""
    return corpus_at_hand("multi30k")


@pytest.fixture(scope="session")
def tanaka() -> Path:
    """The folder of the Tanaka corpus, beside it."""
    return corpus_at_hand("tanaka")


def corpus_at_hand(name: str) -> Path:
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data" / name
    if not folder.is_dir():
        pytest.skip(f"the {name} files are not in {folder}")
    return folder
