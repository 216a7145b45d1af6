"""Budgets for memories that are made up."""

import resource
from pathlib import Path

import pytest

from translator.runtime import peak_memory
from translator.training.memory import LARGEST_BUDGET, free_memory, most_by_growth, most_by_trial


@pytest.mark.parametrize("room", [1024, 1500, 2048, 3000, 7777, 100_000])
def test_by_trial_the_most_that_fits_is_found_to_an_eighth(room: int):
    tried = []

    def fits(tokens: int) -> bool:
        tried.append(tokens)
        return tokens <= room

    found = most_by_trial(fits, 1024)
    assert found <= room < found + found // 8 + 2
    assert found in tried
    assert len(tried) < 16


def test_by_trial_nothing_may_fit():
    assert most_by_trial(lambda _: False, 1024) == 0


def test_by_trial_there_is_an_end_where_everything_fits():
    assert most_by_trial(lambda _: True, 1024) == LARGEST_BUDGET


class Memory:
    """A process whose steps take 700 bytes, and 3 for each token; it held 10,000 before, at their peak 10,400."""

    def __init__(self) -> None:
        self.held = 10_400

    def step(self, tokens: int) -> None:
        self.held = max(self.held, 10_000 + 700 + 3 * tokens)

    def peak(self) -> int:
        return self.held


def test_by_growth_a_token_costs_what_the_larger_step_took_more():
    # Of 50,000 free bytes steps may take 40,000. The first step takes the peak from 10,400 to 10,700 + 3 · 1024: 3,372
    # more, which is 300 and 3 for each token. (40,000 − 300) / 3 tokens are left room for.
    memory = Memory()
    assert most_by_growth(memory.step, 1024, 50_000, memory.peak) == 39_700 // 3


def test_by_growth_nothing_may_fit():
    memory = Memory()
    assert most_by_growth(memory.step, 1024, 3_000, memory.peak) == 0


def test_by_growth_there_is_an_end_however_much_is_free():
    memory = Memory()
    assert most_by_growth(memory.step, 1024, 10**12, memory.peak) == LARGEST_BUDGET


def test_this_machines_memory_is_read():
    before = peak_memory()
    held = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    block = bytearray(before - held + 50_000_000)  # tests before this one may have held more than is held now
    assert 40_000_000 < peak_memory() - before < len(block) + 10_000_000
    assert 0 < free_memory() < 2**50
