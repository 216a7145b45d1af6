"""Plans against what they promise, on random lengths; padding by hand."""

import dataclasses
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokenizers import tokenizer_of
from translator.config.tokenizer import TokenizerConfig
from translator.data import plan as plan_module
from translator.data.batches import Batch, Step, TrainingBatches, length_sorted, pad
from translator.data.plan import Position, bucket_length, paired_bucket_lengths, plan_epoch, tempered
from translator.data.sampling import Sampling
from translator.data.store import Counts, Sequences, TokenStore
from translator.data.tokenizer import Tokenizer
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID


def store_of(pairs: Sequence[tuple[Sequence[int], Sequence[int]]], *sizes: int) -> TokenStore:
    """A store of the pairs, as one corpus or as several of the given sizes."""
    ends = [0, *itertools.accumulate(sizes or [len(pairs)])]
    sides = [Sequences.of([pair[side] for pair in pairs], np.uint16) for side in (0, 1)]
    corpora = tuple(itertools.starmap(range, itertools.pairwise(ends)))
    return TokenStore(sides[0], sides[1], corpora, Counts(len(pairs)), np.arange(1, len(pairs) + 1))


def random_store(rows: int, longest: int, *sizes: int, seed: int = 1) -> TokenStore:
    """Target lengths at random, source lengths like them; row r is told by its first id, 10 + r."""
    rng = random.Random(seed)
    pairs = []
    for row in range(rows):
        target = rng.randint(1, longest)
        source = min(longest, max(1, round(target * rng.uniform(0.7, 1.3))))
        pairs.append(([10 + row] + [5] * (source - 1), [10 + row] + [6] * (target - 1)))
    return store_of(pairs, *sizes)


def times(plan: list[np.ndarray]) -> Counter[int]:
    """How often each row comes."""
    return Counter(np.concatenate(plan).tolist())


def cost(store: TokenStore, rows: np.ndarray) -> int:
    """Positions of a batch on its longer side, EOS and padding included, as it is dealt."""
    batches = TrainingBatches(store, (1.0,), 1, 1)
    (piece,), *_ = batches._batch(rows, 0, range(1))
    assert piece.source.shape[:2] == (1, len(rows))
    return max(piece.source[0].size, piece.target[0, :, 1:].size)


def padding(store: TokenStore, plan: Sequence[np.ndarray]) -> int:
    """Positions of a plan's batches, on both sides, that hold no token."""
    sides = store.source.lengths, store.target.lengths
    return sum(int((lengths[rows].max() - lengths[rows]).sum()) for rows in plan for lengths in sides)


def identical(one: list[Batch], other: list[Batch]) -> bool:
    pairs = zip(*(itertools.chain(*(batch.arrays for batch in batches)) for batches in (one, other)), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


# The plan of an epoch


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_every_row_comes_exactly_once_in_an_epoch(epoch: int):
    store = random_store(500, 40)
    assert times(plan_epoch(store, (1.0,), 200, 1, epoch)) == Counter(range(500))


def test_a_weight_of_two_is_twice_and_of_a_half_another_half_in_each_epoch():
    store = random_store(300, 20, 100, 100, 100)
    halves = []
    for epoch in range(3):
        found = times(plan_epoch(store, (1.0, 2.0, 0.5), 200, 1, epoch))
        assert all(found[row] == 1 for row in range(100))
        assert all(found[row] == 2 for row in range(100, 200))
        halves.append(frozenset(row for row in range(200, 300) if found[row]))
        assert len(halves[-1]) == 50
        assert found.total() == 100 + 200 + 50
    assert len(set(halves)) == 3


def test_at_temperature_two_corpora_are_drawn_on_by_the_root_of_their_size():
    store = random_store(500, 20, 400, 100, 0)
    weights = tempered((1.0, 1.0, 1.0), store, 2.0)
    assert weights == pytest.approx((500 * (20 / 30) / 400, 500 * (10 / 30) / 100, 1.0))  # √400 : √100 = 20 : 10
    found = times(plan_epoch(store, weights, 200, 1, 0))
    assert sum(found[row] for row in range(400)) == 333
    assert sum(found[row] for row in range(400, 500)) == 167
    assert {found[row] for row in range(400, 500)} == {1, 2}


@given(sizes=st.lists(st.integers(1, 10**9), min_size=1, max_size=6), temperature=st.floats(1, 1000))
def test_an_epoch_is_as_large_at_any_temperature_and_unchanged_at_one(sizes: list[int], temperature: float):
    store = dataclasses.replace(random_store(1, 2), corpora=store_rows(sizes))
    given_weights = tuple(1.0 + nth / 7 for nth in range(len(sizes)))
    assert tempered(given_weights, store, 1.0) == given_weights
    weights = tempered((1.0,) * len(sizes), store, temperature)
    assert sum(weight * size for weight, size in zip(weights, sizes, strict=True)) == pytest.approx(sum(sizes))


def store_rows(sizes: list[int]) -> tuple[range, ...]:
    return tuple(itertools.starmap(range, itertools.pairwise(itertools.accumulate(sizes, initial=0))))


def test_at_a_high_temperature_each_corpus_comes_as_often():
    store = random_store(500, 20, 400, 100)
    assert tempered((1.0, 2.0), store, 1000.0) == pytest.approx((250 / 400, 2 * 250 / 100), rel=2e-3)


def test_a_weight_of_two_and_a_half_is_two_or_three_times():
    found = times(plan_epoch(random_store(100, 20), (2.5,), 200, 1, 0))
    assert Counter(found.values()) == {2: 50, 3: 50}


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 31), st.integers(1, 31)), min_size=1, max_size=60),
    batch_tokens=st.integers(32, 200),
    seed=st.integers(0, 2**32),
)
def test_a_plan_has_every_row_once_and_no_batch_passes_its_budget(
    lengths: list[tuple[int, int]], batch_tokens: int, seed: int
):
    store = store_of([([5] * source, [6] * target) for source, target in lengths])
    plan = plan_epoch(store, (1.0,), batch_tokens, seed, 0)
    assert times(plan) == Counter(range(len(lengths)))
    assert max(cost(store, rows) for rows in plan) <= batch_tokens


def test_a_plan_is_a_function_of_seed_and_epoch():
    store = random_store(200, 20)
    plans = {
        (seed, epoch): [rows.tolist() for rows in plan_epoch(store, (1.0,), 100, seed, epoch)]
        for seed in (1, 2)
        for epoch in (0, 1, 2)
    }
    for (seed, epoch), plan in plans.items():
        assert [rows.tolist() for rows in plan_epoch(store, (1.0,), 100, seed, epoch)] == plan
    assert len({str(plan) for plan in plans.values()}) == len(plans)


def test_batches_of_an_epoch_come_in_no_order_of_length():
    store = random_store(2000, 40)
    longest = [int(store.target.lengths[rows].max()) for rows in plan_epoch(store, (1.0,), 200, 1, 0)]
    # With as many falls as rises to be expected, a quarter is far from what a sorted plan has, none.
    falls = sum(a > b for a, b in itertools.pairwise(longest))
    assert falls > len(longest) / 4


def test_most_of_a_batch_is_tokens():
    # 400 pairs of each length from 1 to 40 are 400 · (2 + … + 41) = 344,000 tokens with EOS. In batches of one bucket
    # each row would take the bucket's length: 400 · (2 + … + 16 + 2 · (18 + 20 + … + 32) + 4 · (36 + 40) + 44) =
    # 353,200 positions. That is 26 buckets; 25 batches at most reach from one into the next, and take the budget of 820
    # at most. 344,000 of 353,200 + 25 · 820 positions are 92 %.
    lengths = [length for length in range(1, 41) for _ in range(400)]
    random.Random(1).shuffle(lengths)
    store = store_of([([5] * length, [6] * length) for length in lengths])
    assert 344_000 / sum(cost(store, rows) for rows in plan_epoch(store, (1.0,), 820, 1, 0)) > 0.92


def test_both_sides_together_are_padded_less_than_in_batches_of_one_target_length():
    store = random_store(3000, 40)
    # Batches as large as the plan's of pairs sorted by target, then by source.
    order = np.lexsort((store.source.lengths, store.target.lengths))
    plan = sorted(plan_epoch(store, (1.0,), 2000, 1, 0), key=lambda rows: store.target.lengths[rows].mean())
    sorted_by_target = np.split(order, np.cumsum([len(rows) for rows in plan])[:-1])
    assert padding(store, plan) < 0.8 * padding(store, sorted_by_target)


def test_bucket_lengths_are_all_up_to_16_and_then_eight_to_each_doubling():
    buckets = [*range(1, 17), *range(18, 33, 2), *range(36, 65, 4), 72, 80]
    expected = [next(bucket for bucket in buckets if bucket >= length) for length in range(1, 81)]
    assert bucket_length(np.arange(1, 81)).tolist() == expected


def test_few_bucket_lengths_are_two_to_each_doubling_for_the_longer_side():
    source, target = np.array([1, 9, 3, 20, 33, 40]), np.array([2, 4, 13, 16, 1, 70])
    for side in paired_bucket_lengths(source, target, few_shapes=True):
        assert side.tolist() == [8, 12, 16, 24, 48, 96]


def test_a_corpus_of_several_parts_is_planned_part_by_part(monkeypatch: pytest.MonkeyPatch):
    store = random_store(500, 40)
    whole = plan_epoch(store, (1.0,), 200, 1, 0)
    monkeypatch.setattr(plan_module, "SORTED_TOGETHER", 90)
    parts = plan_epoch(store, (1.0,), 200, 1, 0)
    assert times(parts) == Counter(range(500))
    # Each of the six parts has a last batch that may be small.
    assert len(whole) <= len(parts) <= len(whole) + 5 + 26 * 5
    assert max(cost(store, rows) for rows in parts) <= 200


# The batches of a run


def batches_of(**settings: Any) -> TrainingBatches:
    given: dict[str, Any] = {"store": random_store(60, 12), "weights": (1.0,), "batch_tokens": 120, "seed": 3}
    return TrainingBatches(**given | settings)


def first(batches: TrainingBatches, count: int, position: Position | None = None) -> list[tuple[Position, list[Batch]]]:
    steps = itertools.islice(batches.start(position or Position()), count)
    return [(step.after, step.slices) for step in steps]


def rows_of(source: np.ndarray, target: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """The tokens of each row that is not padding alone, without BOS, EOS and padding: [..., S] and [..., T + 1]."""
    rows = zip(source.reshape(-1, source.shape[-1]), target.reshape(-1, target.shape[-1]), strict=True)
    kept = ([side[side != PAD_ID].tolist() for side in row] for row in rows)
    pairs = [(source_ids, target_ids) for source_ids, target_ids in kept if source_ids or target_ids]
    assert all(source_ids[-1] == EOS_ID for source_ids, _ in pairs)
    assert all(target_ids[0] == BOS_ID and target_ids[-1] == EOS_ID for _, target_ids in pairs)
    return [(source_ids[:-1], target_ids[1:-1]) for source_ids, target_ids in pairs]


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("micro_batches", [1, 2, 4])
def test_the_slices_and_micro_batches_of_a_batch_are_its_rows_and_have_one_shape(replicas: int, micro_batches: int):
    batches = batches_of(replicas=replicas, micro_batches=micro_batches)
    plan = batches.plan(0)
    for rows, (_, dealt) in zip(plan, first(batches, len(plan)), strict=True):
        assert len(dealt) == replicas
        assert {piece.source.shape[0] for piece in dealt} == {micro_batches}
        assert len({(piece.source.shape, piece.target.shape) for piece in dealt}) == 1
        assert {ids.dtype for piece in dealt for ids in piece.arrays} == {np.dtype(np.int32)}
        found = [pair for piece in dealt for pair in rows_of(piece.source, piece.target)]
        store = batches.store
        assert sorted(found) == sorted((store.source[r].tolist(), store.target[r].tolist()) for r in rows)
        # As few rows as will do: no part lacks more than one.
        assert dealt[0].source.shape[1] == -(-len(rows) // (replicas * micro_batches))


def test_no_part_of_a_batch_has_more_than_one_row_more_than_another():
    batches = batches_of(replicas=2, micro_batches=2)
    for _, dealt in first(batches, len(batches.plan(0))):
        rows = [(part != PAD_ID).any(-1).sum() for piece in dealt for part in piece.source]
        assert max(rows) - min(rows) <= 1


def test_positions_count_batches_and_epochs():
    batches = batches_of()
    lengths = [len(batches.plan(epoch)) for epoch in (0, 1)]
    positions = [position for position, _ in first(batches, sum(lengths))]
    expected = [Position(epoch, batch) for epoch in (0, 1) for batch in range(lengths[epoch])][1:]
    assert positions == [*expected, Position(2, 0)]


def test_resuming_from_any_position_yields_exactly_the_rest():
    batches = batches_of(replicas=2)
    length = len(batches.plan(0)) + len(batches.plan(1)) + 2
    whole = first(batches, length)
    for done, (position, _) in enumerate(whole[:-1], 1):
        rest = first(batches, length - done, position)
        for (found, found_slices), (expected, expected_slices) in zip(rest, whole[done:], strict=True):
            assert found == expected
            assert identical(found_slices, expected_slices)


@pytest.mark.parametrize("position", [Position(), Position(1, 3)])
@pytest.mark.parametrize("replicas", [1, 2])
def test_the_dataset_is_the_same_batches_slice_by_slice(position: Position, replicas: int):
    batches = batches_of(replicas=replicas, micro_batches=2)
    expected = [
        (after, piece) for after, dealt in first(batches, len(batches.plan(1)) + 2, position) for piece in dealt
    ]
    elements = batches.dataset(position).take(len(expected)).as_numpy_iterator()
    for (source, target), (_, part) in zip(elements, expected, strict=True):
        assert identical([Batch(source, target)], [part])


@pytest.mark.parametrize("replicas", [1, 2])
def test_each_step_is_announced_once_in_order_before_its_slices_arrive(replicas: int):
    batches = batches_of(replicas=replicas)
    announced: list[Step] = []
    dataset = batches.dataset(Position(1, 3), announce=announced.append).take(10 * replicas)
    for arrived, (source, _) in enumerate(dataset.as_numpy_iterator()):
        assert np.array_equal(source, announced[arrived // replicas].slices[arrived % replicas].source)
    assert [step.after for step in announced[:10]] == [after for after, _ in first(batches, 10, Position(1, 3))]


@pytest.mark.parametrize("few_shapes", [False, True])
def test_workers_read_no_more_than_their_own_slices_which_are_those_of_the_whole(few_shapes: bool):
    batches = batches_of(replicas=4, micro_batches=2, few_shapes=few_shapes)
    whole = first(batches, len(batches.plan(0)) + 2)
    for replicas in (range(2), range(2, 4), range(3, 4)):
        for (after, part, *_), (expected, dealt) in zip(batches.start(Position(), replicas), whole, strict=False):
            assert after == expected
            assert identical(part, [dealt[replica] for replica in replicas])


def test_workers_sample_as_one_process_does(sampled: TrainingBatches):
    batches = dataclasses.replace(sampled, replicas=3)
    whole = first(batches, len(batches.plan(0)))
    for (_, part, *_), (_, dealt) in zip(batches.start(Position(), range(1, 2)), whole, strict=False):
        assert identical(part, dealt[1:2])


@pytest.mark.parametrize("few_shapes", [False, True])
@pytest.mark.parametrize(("replicas", "micro_batches"), [(1, 1), (2, 2), (3, 1)])
def test_no_slice_is_larger_than_the_largest(replicas: int, micro_batches: int, few_shapes: bool):
    batches = batches_of(
        store=random_store(300, 30),
        batch_tokens=200,
        replicas=replicas,
        micro_batches=micro_batches,
        few_shapes=few_shapes,
    )
    largest = batches.largest()
    assert not largest.source.any()
    assert not largest.target.any()
    for _, dealt in first(batches, len(batches.plan(0))):
        for found, most in zip(dealt[0].arrays, largest.arrays, strict=True):
            assert found.shape[0] == most.shape[0] == micro_batches
            row = most.shape[2] if few_shapes else 0
            assert found[..., 1:].size <= most.size + micro_batches * row
            # What attention takes, for each row the square of its length.
            assert found.shape[1] * found.shape[2] ** 2 <= most.shape[1] * most.shape[2] ** 2


def test_few_shapes_are_one_for_each_bucket_length_and_lose_no_row():
    batches = batches_of(store=random_store(700, 60), batch_tokens=400, few_shapes=True)
    dealt = first(batches, len(batches.plan(0)) + len(batches.plan(1)))
    shapes = {(piece.source.shape, piece.target.shape) for _, (piece,) in dealt}
    assert {target[2] - 1 for _, target in shapes} <= {8, 12, 16, 24, 32, 48, 64}
    assert len(shapes) <= 7
    assert all(source[1] == target[1] == 400 // source[2] and source[2] == target[2] - 1 for source, target in shapes)
    epoch = dealt[: len(batches.plan(0))]
    found = [pair for _, (piece,) in epoch for pair in rows_of(piece.source, piece.target)]
    store = batches.store
    assert sorted(found) == sorted((store.source[r].tolist(), store.target[r].tolist()) for r in range(len(store)))


# Sampling


RNG = random.Random(5)
SYLLABLES = ["haus", "boot", "baum", "kind", "mann", "frau", "see", "berg", "rot", "blau"]
WORDS = ["".join(RNG.choices(SYLLABLES, k=RNG.randint(1, 3))) for _ in range(60)]
SENTENCES = [" ".join(RNG.choices(WORDS, k=RNG.randint(2, 6))) for _ in range(80)]


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return tokenizer_of(SENTENCES, TokenizerConfig(kind=request.param, vocabulary_size=50))


@pytest.fixture
def sampled(tokenizer: Tokenizer) -> TrainingBatches:
    ids = tokenizer.encode(SENTENCES)
    return batches_of(
        store=store_of(list(zip(ids, ids[::-1], strict=True))), sampling=Sampling((tokenizer, tokenizer), 0.3)
    )


def test_sampled_batches_are_reproducible_from_any_position(sampled: TrainingBatches):
    whole = first(sampled, len(sampled.plan(0)) + 2)
    rest = first(sampled, len(whole) - 3, whole[2][0])
    assert len(rest) > 3
    assert all(identical(one, other) for (_, one), (_, other) in zip(whole[3:], rest, strict=True))


def test_sampled_batches_spell_the_very_rows_of_the_plan(sampled: TrainingBatches, tokenizer: Tokenizer):
    plan = sampled.plan(0)
    for rows, (_, (piece,)) in zip(plan, first(sampled, len(plan)), strict=True):
        sources, targets = zip(*rows_of(piece.source, piece.target), strict=True)
        assert tokenizer.decode(sources) == [SENTENCES[row] for row in rows]
        assert tokenizer.decode(targets) == [SENTENCES[-1 - row] for row in rows]


def test_sampled_segmentations_differ_from_epoch_to_epoch(tokenizer: Tokenizer):
    # One sentence many times: without sampling all epochs would be the same, and so they would with the same draws.
    ids = tokenizer.encode([max(SENTENCES, key=len)])[0]
    # One of twice its length lets the others become longer.
    store = store_of([*[(ids, ids)] * 60, (2 * ids, 2 * ids)])
    batches = batches_of(store=store, sampling=Sampling((tokenizer, tokenizer), 0.1))
    first_batches = [first(batches, 1, Position(epoch))[0][1] for epoch in (0, 1, 0)]
    sources = [rows_of(*piece.arrays) for (piece,) in first_batches]
    assert sources[0] != sources[1]
    assert sources[0] == sources[2]


@pytest.mark.parametrize("few_shapes", [False, True])
@pytest.mark.parametrize("alpha", [0.05, 0.9])
def test_sampled_batches_stay_within_their_budget_and_the_longest_sentence(
    tokenizer: Tokenizer, few_shapes: bool, alpha: float
):
    ids = tokenizer.encode(SENTENCES)
    store = store_of(list(zip(ids, ids[::-1], strict=True)) * 3)
    longest = int(store.source.lengths.max())
    batches = batches_of(
        store=store, batch_tokens=200, sampling=Sampling((tokenizer, tokenizer), alpha), few_shapes=few_shapes
    )
    plain = dataclasses.replace(batches, sampling=None)
    assert identical([plain.largest()], [batches.largest()])  # the step that is tried before the first
    for _, (piece,) in first(batches, len(batches.plan(0))):
        assert max(piece.source.size, piece.target[..., 1:].size) <= 200
        for source, target in rows_of(*piece.arrays):
            assert max(len(source), len(target)) <= longest


def test_sentences_that_no_draw_lets_into_their_batch_are_counted(tokenizer: Tokenizer):
    # All are as long as the longest, which nothing may pass: a segmentation with more subwords never fits.
    (ids,) = tokenizer.encode([max(SENTENCES, key=len)])
    alpha = 0.01 if tokenizer.kind == "unigram" else 0.3
    batches = batches_of(store=store_of([(ids, ids)] * 50), sampling=Sampling((tokenizer, tokenizer), alpha))
    steps = list(itertools.islice(batches.start(Position()), len(batches.plan(0))))
    plain, drawn = sum(step.plain for step in steps), sum(step.drawn for step in steps)
    assert 0 < plain <= drawn == 100
    for _, (piece,) in first(batches, len(batches.plan(0))):
        assert all(len(side) <= len(ids) for pair in rows_of(*piece.arrays) for side in pair)


def test_without_sampling_batches_are_the_stores_own_ids(sampled: TrainingBatches):
    plain = batches_of(store=sampled.store)
    found = {tuple(source) for _, (piece,) in first(plain, len(plain.plan(0))) for source, _ in rows_of(*piece.arrays)}
    assert found == {tuple(plain.store.source[row].tolist()) for row in range(len(plain.store))}


# Padding


def test_padding_by_hand():
    sequences: list[list[int] | np.ndarray] = [[7, 8], [], np.array([9], np.uint16)]
    assert pad(sequences).tolist() == [[7, 8], [0, 0], [9, 0]]
    assert pad(sequences, eos=True).tolist() == [[7, 8, 2], [2, 0, 0], [9, 2, 0]]
    assert pad(sequences, bos=True).tolist() == [[1, 7, 8], [1, 0, 0], [1, 9, 0]]
    assert pad(sequences, bos=True, eos=True).tolist() == [[1, 7, 8, 2], [1, 2, 0, 0], [1, 9, 2, 0]]
    assert pad(sequences).dtype == np.int32


def test_padding_of_nothing_but_empty_sequences():
    assert pad([[], []], bos=True, eos=True).tolist() == [[1, 2], [1, 2]]
    assert pad([[]]).shape == (1, 0)


@given(st.lists(st.lists(st.integers(4, 9), max_size=5), min_size=1, max_size=6))
def test_padding_keeps_every_token_in_place(sequences: list[list[int]]):
    padded = pad(sequences, eos=True)
    assert padded.shape == (len(sequences), max(map(len, sequences)) + 1)
    for row, ids in zip(padded.tolist(), sequences, strict=True):
        assert row == [*ids, EOS_ID] + [PAD_ID] * (len(row) - len(ids) - 1)


def test_length_sorted_gives_every_position_once_the_longest_first():
    sequences = [[1], [1, 2, 3], [], [1, 2], [1, 2, 3]]
    assert list(length_sorted(sequences, 2)) == [[1, 4], [3, 0], [2]]
    assert list(length_sorted([], 2)) == []
