"""Stretches of lines that have slipped are found, and where they start."""

import random

import numpy as np
import pytest

from tests.data.checks.planted import Pairs, checked, found, grammar_pairs, kinds, lines
from translator.data.checks.shifts import EVIDENCE, RisingSum, Run, apart


def slipped(pairs: Pairs, start: int, stop: int, late: int) -> Pairs:
    """Between two places the targets stand so many lines too late: some are put in at the start, and left out later."""
    sources, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    others = [target for _, target in grammar_pairs("test", 10)]
    if late > 0:
        targets[start:stop] = others[:late] + targets[start : stop - late]
    else:
        targets[start:stop] = targets[start - late : stop] + others[:-late]
    return list(zip(sources, targets, strict=True))


@pytest.mark.parametrize("late", [1, -1, 2, -2])
def test_the_start_and_the_length_of_a_slipped_stretch_are_found(tmp_path, late):
    finding = found(checked(tmp_path, slipped(grammar_pairs("train", 3000), 1200, 1500, late)), "misaligned")
    assert len(finding.examples) == 1
    assert abs(lines(finding)[0] - 1201) <= 4
    assert abs(finding.count - 300) <= 10
    assert ("late" if late > 0 else "early") in finding.examples[0].text


def in_han(text: str, draw: random.Random) -> str:
    """Letters as Chinese characters, up to four in five of them left out: roughly its length is all it tells."""
    kept = [character for character in text if character.isalpha()]
    kept = kept[: round(len(kept) * draw.uniform(0.2, 1.0))]
    return "".join(chr(0x4E00 + ord(character) % 997) for character in kept)


def test_a_stretch_is_found_by_rough_lengths_alone(tmp_path):
    draw = random.Random(1)
    pairs = [(source.rstrip("?!."), in_han(target, draw)) for source, target in grammar_pairs("train", 4000)]
    targets = [target for _, target in pairs]
    targets[1200:1800] = targets[1199:1799]
    report = checked(tmp_path, [(source, target) for (source, _), target in zip(pairs, targets, strict=True)])
    finding = found(report, "misaligned")
    assert abs(lines(finding)[0] - 1201) <= 30
    assert abs(finding.count - 600) <= 60


def test_pairs_of_which_no_shift_makes_sense_are_no_slipped_stretch(tmp_path):
    pairs = grammar_pairs("train", 4000)
    sources = [source for source, _ in pairs]
    random.Random(1).shuffle(middle := sources[1000:3000])
    sources[1000:3000] = middle
    assert "misaligned" not in kinds(checked(tmp_path, [(s, t) for s, (_, t) in zip(sources, pairs, strict=True)]))


def test_a_corpus_that_has_slipped_from_its_middle_to_its_end_is_an_error(tmp_path):
    finding = found(checked(tmp_path, slipped(grammar_pairs("train", 3000), 1700, 3000, 1)), "misaligned")
    assert abs(lines(finding)[0] - 1701) <= 4
    assert finding.severity == "error"


def test_a_corpus_that_has_slipped_from_its_first_line_on_is_found(tmp_path):
    finding = found(checked(tmp_path, slipped(grammar_pairs("train", 3000), 0, 3000, 1)), "misaligned")
    assert lines(finding)[0] <= 5
    assert finding.count > 2900


def test_a_stretch_over_the_boundary_of_two_blocks_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr("translator.data.checks.blocks.MOST_PAIRS", 1000)
    finding = found(checked(tmp_path, slipped(grammar_pairs("train", 3000), 800, 1400, 1)), "misaligned")
    assert len(finding.examples) == 1
    assert abs(finding.count - 600) <= 20


def test_in_a_corpus_that_has_not_slipped_nothing_is_found(tmp_path):
    assert "misaligned" not in kinds(checked(tmp_path, grammar_pairs("train", 20_000)))


def test_a_rising_sum_finds_the_stretch_of_gains_by_hand():
    # Losses of 1, then ten gains of 5 (the sum is over 25 at the sixth), then losses of 9.
    sums = RisingSum()
    sums.add(np.array([-1.0] * 7 + [5.0] * 10 + [-9.0] * 9), first=1)
    assert EVIDENCE == 25
    assert [(run.first, run.last, run.evidence) for run in sums.runs] == [(8, 17, 50.0)]


def test_a_rising_sum_does_not_depend_on_how_the_gains_are_cut():
    draw = np.random.default_rng(1)
    gains = draw.normal(-0.5, 1, 5000)
    gains[700:900] += 1.5
    gains[3000:3500] += 1.5

    def runs(parts: list[np.ndarray]) -> list[tuple[int, int]]:
        sums, first = RisingSum(), 1
        for part in parts:
            sums.add(part, first)
            first += len(part)
        sums.close()
        return [(run.first, run.last) for run in sums.runs]

    whole = runs([gains])
    assert len(whole) == 2
    for parts in (2, 7, 100, 5000):
        assert runs(np.array_split(gains, parts)) == whole


def test_of_stretches_that_overlap_the_one_with_most_evidence_is_left_and_what_lies_beside_it():
    # 1–100 with most evidence; 40–60 within it, 90–300 mostly beside it, 95–110 mostly within, 301–310 apart.
    found = [(40, 60, 30.0), (1, 100, 90.0), (90, 300, 80.0), (95, 105, 40.0), (301, 310, 26.0)]
    kept = apart((Run(*run), shift) for shift, run in enumerate(found))
    assert kept == [(Run(1, 100, 90.0), 1), (Run(101, 300, 80.0), 2), (Run(301, 310, 26.0), 4)]
