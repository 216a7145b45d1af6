"""Modified pairs by hand, what is drawn against its shares, and batches of modified rows against their promises."""

import dataclasses
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from tests.tokenizers import tokenizer_of
from translator.config.modifiers import ModifiersConfig
from translator.config.schema import Config
from translator.config.tokenizer import TokenizerConfig
from translator.data.batches import Step, TrainingBatches
from translator.data.corpora.base import SentencePair
from translator.data.modifiers import (
    MODIFIERS,
    PLACEHOLDERS,
    TAGS,
    Material,
    Modifying,
    modified_for_vocabulary,
    shared_characters,
)
from translator.data.plan import Position
from translator.data.sampling import Sampling
from translator.data.store import Counts, Sequences, TokenStore
from translator.data.tokenizer import Tokenizer
from translator.grammar import sentence_pairs
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

PAIRS = [SentencePair(*pair) for pair in itertools.islice(sentence_pairs("train", seed=5), 400)]
PAIR = SentencePair("A dog runs in Rome.", "Ein Hund läuft in Rome.")
ALL = {
    "upper": 0.3, "title": 0.1, "typos": 0.2, "no_end_punctuation": 0.1, "merged": 0.1, "noise": 0.1,
    "placeholders": 0.1,
}  # fmt: skip
BIG = (10**6, 10**6)


def settings_of(**settings: Any) -> ModifiersConfig:
    return ModifiersConfig.model_validate(settings)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    seen = modified_for_vocabulary(PAIRS, settings_of(**ALL), 1)
    capitals = [SentencePair(pair.source.upper(), pair.target.upper()) for pair in PAIRS]  # no letter is unknown
    texts = [side for pair in (*seen, *capitals) for side in pair]
    return tokenizer_of(texts, TokenizerConfig(vocabulary_size=700), "keep")


@pytest.fixture(scope="module")
def store(tokenizer: Tokenizer) -> TokenStore:
    sides = [Sequences.of(tokenizer.encode([pair[side] for pair in PAIRS]), np.uint16) for side in (0, 1)]
    rows = range(len(PAIRS))
    return TokenStore(sides[0], sides[1], (rows,), Counts(len(rows)), np.arange(1, len(rows) + 1))


def modifying_of(store: TokenStore, tokenizer: Tokenizer, **settings: Any) -> Modifying:
    return Modifying(store, (tokenizer, tokenizer), settings_of(**settings))


def texts(sides: tuple[Sequences, Sequences], tokenizer: Tokenizer) -> list[SentencePair]:
    decoded = (tokenizer.decode([ids.tolist() for ids in side]) for side in sides)
    return list(itertools.starmap(SentencePair, zip(*decoded, strict=True)))


# One pair


def modified(name: str, pair: SentencePair = PAIR, seed: int = 1, **settings: Any) -> SentencePair:
    other = SentencePair("It rains.", "Es regnet.")
    return MODIFIERS[name].modified(pair, Random(seed), Material(settings_of(**settings), "xyz", lambda _: other))


def test_case_changes_the_source_or_if_asked_both_sides():
    assert modified("upper") == ("A DOG RUNS IN ROME.", PAIR.target)
    assert modified("upper", case_sides="both") == ("A DOG RUNS IN ROME.", "EIN HUND LÄUFT IN ROME.")
    assert modified("title", case_sides="both") == ("A Dog Runs In Rome.", "Ein Hund Läuft In Rome.")


def test_capitals_and_typos_leave_symbols_as_they_are():
    pair = SentencePair("<bt> a dog <b>runs</b> in rome.", "Ein Hund <b>läuft</b> in Rom.")
    symbols = ["<b>", "<bt>", "</b>"]
    for name, expected in [("upper", "<bt> A DOG <b>RUNS</b> IN ROME."), ("title", "<bt> A Dog <b>Runs</b> In Rome.")]:
        material = Material(settings_of(**{name: 1}), symbols=symbols)
        assert MODIFIERS[name].modified(pair, Random(1), material).source == expected
    material = Material(settings_of(typos=1, typo_words=1), symbols=symbols)
    source = MODIFIERS["typos"].modified(pair, Random(1), material).source
    assert source != pair.source
    assert re.findall("<[^>]*>", source) == ["<bt>", "<b>", "</b>"]


def test_end_punctuation_goes_on_both_sides():
    assert modified("no_end_punctuation") == ("A dog runs in Rome", "Ein Hund läuft in Rome")


def test_another_pair_is_appended_on_both_sides_unless_it_is_longer():
    assert modified("merged") == ("A dog runs in Rome. It rains.", "Ein Hund läuft in Rome. Es regnet.")
    short = SentencePair("Go.", "Geh.")
    assert modified("merged", short) == short


def test_noise_is_the_same_on_both_sides():
    source, target = modified("noise")
    assert source == target
    assert set(source) <= set("xyz ")


def test_a_placeholder_takes_the_place_of_a_common_word_or_tags_surround_it():
    found = {modified("placeholders", seed=seed) for seed in range(300)}
    put = {*PLACEHOLDERS, *(f"{before}{{}}{after}" for before, after in TAGS)}
    expected = set()
    for word, form in itertools.product(["in", "Rome."], put):
        new = form.replace("{}", word)
        expected.add(tuple(re.sub(rf"\b{re.escape(word)}(?= |$)", lambda _, new=new: new, side) for side in PAIR))  # type: ignore[misc]
    assert found == expected


def test_without_a_common_word_a_placeholder_stands_at_the_same_end_of_both_sides():
    pair = SentencePair("A dog.", "Ein Hund.")
    found = {modified("placeholders", pair, seed) for seed in range(300)}
    assert ("{name} A dog.", "{name} Ein Hund.") in found
    assert ("A dog. {name}", "Ein Hund. {name}") in found
    assert ("<b>A dog.</b>", "<b>Ein Hund.</b>") in found


# Many pairs


def test_rows_are_modified_in_their_shares(store: TokenStore, tokenizer: Tokenizer):
    modifying = modifying_of(store, tokenizer, upper=0.25, no_end_punctuation=0.5)
    rows = np.arange(len(PAIRS)).repeat(50)
    which = np.concatenate([modifying._drawn((1, epoch), np.arange(len(PAIRS)))[0] for epoch in range(50)])
    shares = {number: count / len(rows) for number, count in Counter(which.tolist()).items()}
    assert shares == pytest.approx({0: 0.25, 1: 0.5, 2: 0.25}, abs=0.02)
    source, target = modifying.draw((1, 0), np.arange(len(PAIRS)), BIG)
    for pair, before, number in zip(texts((source, target), tokenizer), PAIRS, which, strict=False):
        kept = (before.source.upper(), before.target), tuple(side.rstrip(".?!") for side in before), before
        assert pair == kept[number]


def test_what_is_drawn_depends_on_seed_epoch_and_row_alone(store: TokenStore, tokenizer: Tokenizer):
    modifying = modifying_of(store, tokenizer, **ALL)
    rows = np.arange(len(PAIRS))
    whole = texts(modifying.draw((7, 2), rows, BIG), tokenizer)
    mixed = np.random.default_rng(1).permutation(rows)
    again = texts(modifying_of(store, tokenizer, **ALL).draw((7, 2), mixed, BIG), tokenizer)
    assert [whole[row] for row in mixed] == again
    for seeds in ((7, 3), (8, 2)):
        assert texts(modifying.draw(seeds, rows, BIG), tokenizer) != whole


def test_another_process_draws_the_same(store: TokenStore, tokenizer: Tokenizer, tmp_path: Path):
    tokenizer.save(tmp_path / "spm.model")
    program = f"""
import json, itertools, numpy as np
from pathlib import Path
from translator.config.modifiers import ModifiersConfig
from translator.data.modifiers import Modifying
from translator.data.store import Counts, Sequences, TokenStore
from translator.data.tokenizer import Tokenizer
from translator.grammar import sentence_pairs
tokenizer = Tokenizer.load(Path({str(tmp_path / "spm.model")!r}))
pairs = list(itertools.islice(sentence_pairs("train", seed=5), 400))
sides = [Sequences.of(tokenizer.encode([pair[side] for pair in pairs]), np.uint16) for side in (0, 1)]
store = TokenStore(*sides, (range(400),), Counts(400), np.arange(1, 401))
settings = ModifiersConfig.model_validate({ALL!r})
drawn = Modifying(store, (tokenizer, tokenizer), settings).draw((1, 0), np.arange(400), {BIG})
print(json.dumps([[ids.tolist() for ids in side] for side in drawn]))
"""
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    drawn = modifying_of(store, tokenizer, **ALL).draw((1, 0), np.arange(400), BIG)
    assert json.loads(other.stdout) == [[ids.tolist() for ids in side] for side in drawn]


def test_what_does_not_fit_or_has_unknown_characters_stays_as_it_is(store: TokenStore, tokenizer: Tokenizer):
    rows = np.arange(len(PAIRS))
    upper = modifying_of(store, tokenizer, upper=1.0)
    assert texts(upper.draw((1, 0), rows, (1, 1)), tokenizer) == PAIRS
    lower = [SentencePair(pair.source.lower(), pair.target.lower()) for pair in PAIRS]
    without_capitals = tokenizer_of([side for pair in lower for side in pair], TokenizerConfig(vocabulary_size=200))
    sides = [Sequences.of(without_capitals.encode([pair[side] for pair in lower])) for side in (0, 1)]
    small = TokenStore(sides[0], sides[1], store.corpora, store.counts, store.numbers)
    drawn = modifying_of(small, without_capitals, upper=1.0).draw((1, 0), rows, BIG)
    assert [ids.tolist() for ids in drawn[0]] == [ids.tolist() for ids in small.source]


def test_a_row_with_unknown_characters_stays_as_it_is(store: TokenStore, tokenizer: Tokenizer):
    unknown = Sequences.of([[UNK_ID, 7], [7, 8]])
    small = TokenStore(unknown, unknown, (range(2),), Counts(2), np.arange(1, 3))
    source, _ = modifying_of(small, tokenizer, upper=1.0).draw((1, 0), np.arange(2), BIG)
    assert source[0].tolist() == [UNK_ID, 7]


def test_noise_has_the_characters_that_both_vocabularies_have(tokenizer: Tokenizer):
    few = tokenizer_of(["ab cd ☃", "abc ☃☃"] * 9, TokenizerConfig(vocabulary_size=16, kind="bpe"))
    assert shared_characters((few, tokenizer)) == "abcd"


def test_the_vocabulary_learns_from_modified_pairs_by_the_seed():
    def seen(seed: int = 1, **settings: Any) -> list[SentencePair]:
        return list(modified_for_vocabulary(PAIRS, settings_of(**settings), seed))

    assert seen() == PAIRS == seen(typos=0.5, noise=0.5)  # these bring nothing that comes again
    capitals = [pair.source.isupper() for pair in seen(upper=0.3, typos=0.5)]
    assert 0.2 < sum(capitals) / len(PAIRS) < 0.4
    assert seen(upper=0.3) == seen(upper=0.3) != seen(2, upper=0.3)


# Batches


def batches_of(store: TokenStore, modifying: Modifying | None, **settings: Any) -> TrainingBatches:
    return TrainingBatches(store, (1.0,), 300, 3, modifying=modifying, **settings)


def steps_of(batches: TrainingBatches, count: int, position: Position | None = None) -> list[Step]:
    return list(itertools.islice(batches.start(position or Position()), count))


def identical(one: Step, other: Step) -> bool:
    pairs = zip(one.slices, other.slices, strict=True)
    return one.after == other.after and all(
        np.array_equal(a, b) for x, y in pairs for a, b in zip(x.arrays, y.arrays, strict=True)
    )


@pytest.mark.parametrize("alpha", [0.0, 0.2])
@pytest.mark.parametrize("few_shapes", [False, True])
def test_modified_batches_stay_within_their_budget_and_the_longest_sentence(
    store: TokenStore, tokenizer: Tokenizer, alpha: float, few_shapes: bool
):
    sampling = Sampling((tokenizer, tokenizer), alpha) if alpha else None
    batches = batches_of(store, modifying_of(store, tokenizer, **ALL), sampling=sampling, few_shapes=few_shapes)
    longest = max(int(side.lengths.max()) for side in (store.source, store.target))
    assert identical(*(Step(Position(), [each.largest()], 0, 0) for each in (batches, batches_of(
        store, None, few_shapes=few_shapes
    ))))  # fmt: skip
    for step in steps_of(batches, len(batches.plan(0)) + len(batches.plan(1))):
        (piece,) = step.slices
        assert max(piece.source.size, piece.target[..., 1:].size) <= 300
        for ids, ends in ((piece.source, 1), (piece.target, 2)):
            assert (ids != PAD_ID).sum(-1).max() - ends <= longest
    assert batches.positions == (longest + 1, longest + 1)


@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_modified_batches_resume_exactly(store: TokenStore, tokenizer: Tokenizer, alpha: float):
    sampling = Sampling((tokenizer, tokenizer), alpha) if alpha else None
    batches = batches_of(store, modifying_of(store, tokenizer, **ALL), sampling=sampling)
    whole = steps_of(batches, len(batches.plan(0)) + 2)
    fresh = dataclasses.replace(batches, modifying=modifying_of(store, tokenizer, **ALL))
    rest = steps_of(fresh, len(whole) - 3, whole[2].after)
    assert len(rest) > 3
    assert all(map(identical, whole[3:], rest))


def test_most_rows_that_are_to_be_modified_are(store: TokenStore, tokenizer: Tokenizer):
    batches = batches_of(store, modifying_of(store, tokenizer, upper=1.0))
    found = capitals = 0
    for step in steps_of(batches, len(batches.plan(0))):
        (piece,) = step.slices
        rows = [[id_ for id_ in ids if id_ not in (PAD_ID, BOS_ID, EOS_ID)] for ids in piece.source[0].tolist()]
        sentences = tokenizer.decode([ids for ids in rows if ids])
        found, capitals = found + len(sentences), capitals + sum(map(str.isupper, sentences))
    assert found == len(PAIRS)
    assert capitals > 0.8 * found  # the longest may not get longer


# Settings


def config_with(modifiers: dict[str, Any], **train: Any) -> Config:
    corpora = {"train": {"grammar": "train", "pairs": 9}, "validation": {"grammar": "validation", "pairs": 9}}
    return Config.model_validate({"data": {**corpora, "modifiers": modifiers}, "train": {"max_steps": 1, **train}})


def test_every_share_has_a_modifier():
    assert settings_of(**ALL).shares == ALL
    assert list(MODIFIERS) == list(ALL)


@pytest.mark.parametrize(
    ("modifiers", "train", "problem"),
    [
        (
            {"upper": 0.6, "typos": 0.5},
            {},
            "a pair has at most one modifier, so the shares sum to 1 at most; found 1.1",
        ),
        ({"upper": 1.5}, {}, "less than or equal to 1"),
        ({"shout": 0.5}, {}, "Extra inputs are not permitted"),
        ({"upper": 0.5}, {"guided_alignment": 0.1}, "guided_alignment needs the corpus' own sentences"),
    ],
)
def test_settings_that_make_no_sense_are_refused(modifiers: dict[str, Any], train: dict[str, Any], problem: str):
    with pytest.raises(ValueError, match=re.escape(problem)):
        config_with(modifiers, **train)
