import numpy as np
import pytest

from translator.data import segmentations
from translator.data.segmentations import Segmentation, Segmentations


def of(key: int) -> list[Segmentation]:
    """Segmentations that only this key has: from 1 to 64."""
    return [(0.5 * i, [key % 1000, *[i] * (i % 5)]) for i in range(1 + key % 64)]


def ask(remembered: Segmentations, keys: np.ndarray) -> np.ndarray:
    """Asks for keys, checks the answers; returns the keys that had been forgotten, or never known."""
    learned: list[int] = []

    def learn(places: np.ndarray) -> list[list[Segmentation]]:
        learned.extend(keys[places].tolist())
        return [of(int(key)) for key in keys[places]]

    numbers = remembered.numbers(keys, learn)
    for key, number in zip(keys.tolist(), numbers, strict=True):
        expected = of(key)
        assert remembered.counts[number] == len(expected)
        every = remembered.firsts[number] + np.arange(len(expected))
        assert remembered.gaps[every].tolist() == [gap for gap, _ in expected]
        ids, offsets = remembered.spelled(every)
        assert [part.tolist() for part in np.split(ids, offsets[1:-1])] == [ids for _, ids in expected]
    return np.array(learned, np.uint64)


@pytest.fixture
def keys() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 2**64, 2000, np.uint64)


def test_each_key_is_learned_once_and_answered_with_its_own(keys: np.ndarray):
    remembered = Segmentations(1000)
    batches = np.array_split(np.concatenate([keys, keys[::-1]]), 7)
    learned = np.concatenate([ask(remembered, batch) for batch in batches])
    assert sorted(learned) == sorted(keys)


def test_memory_is_bounded_and_what_is_common_stays(keys: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(segmentations, "MOST_BYTES", 200_000)
    remembered, common = Segmentations(1000), keys[:20]
    ask(remembered, common)
    for rare in np.array_split(keys[20:], 99):
        remembered.forget_rare()
        assert remembered.bytes_used <= 200_000
        assert len(ask(remembered, np.concatenate([rare, common]))) == len(rare)
    assert len(remembered.counts) < len(keys) / 2
