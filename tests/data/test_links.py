"""Word alignments as links between subwords: of the grammar and of a file, made once, and in every batch."""

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tokenizers import tokenizer_of
from translator import grammar
from translator.config.schema import Config, ConfigError
from translator.config.tokenizer import TokenizerConfig
from translator.data.batches import TrainingBatches
from translator.data.corpora.aligned import parse_pharaoh
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.links import SOURCE_POSITIONS, subword_links
from translator.data.plan import Position
from translator.data.prepare import prepare
from translator.files import write_file
from translator.run_folder import RunError, RunFolder

PAIRS = 60


def config_of(
    folder: Path, train: dict[str, Any] | None = None, corpus: dict[str, Any] | None = None, **others: object
) -> Config:
    grammar_corpus = {"grammar": "train", "pairs": PAIRS}
    return Config.model_validate(
        {
            "data": {
                "source": "en",
                "target": "de",
                "train": corpus or grammar_corpus,
                "validation": grammar_corpus,
                "root": str(folder),
                "max_tokens": 150,
            },
            "tokenizer": {"vocabulary_size": 150, **others},
            "model": {"d_model": 8, "d_ff": 8, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 2},
            "train": {"max_steps": 1, "batch_tokens": 200, "guided_alignment": 0.5, **(train or {})},
        }
    )


def pairs_of(links: np.ndarray) -> set[tuple[int, int]]:
    """(source subword, target subword), from 0 on."""
    return {(int(link % SOURCE_POSITIONS), int(link // SOURCE_POSITIONS) - 1) for link in links if link}


def test_each_subword_of_a_word_is_linked_with_each_of_the_others():
    tokenizer = tokenizer_of(["abc def ghi"], TokenizerConfig(vocabulary_size=16, kind="bpe"))
    first, second = (len(ids) for ids in tokenizer.encode(["abc", "def"]))
    assert second > 1
    pair, both = SentencePair("abc def", "def"), (tokenizer, tokenizer)
    found = subword_links(pair, [(1, 0)], both, (False, False), "here")
    assert pairs_of(np.array(found)) == set(itertools.product(range(first, first + second), range(second)))
    with pytest.raises(CorpusError, match=r"here: there is no link 1-1 between 2 and 1 words"):
        subword_links(pair, [(1, 1)], both, (False, False), "here")


def test_what_is_no_link_is_named():
    assert parse_pharaoh(" 0-1  2-0", Path("links"), 1) == [(0, 1), (2, 0)]
    for line in ("0-1 2", "a-b", "0-1-2"):
        with pytest.raises(CorpusError, match=r"links:7: expected links such as 0-0 1-2, found"):
            parse_pharaoh(line, Path("links"), 7)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guided")
    config, run = config_of(folder), RunFolder(folder / "run")
    run.path.mkdir()
    return config, run, *prepare(config, run)


def test_the_grammars_links_are_those_of_its_words(prepared):
    _, _, (source, target), store = prepared
    assert len(store.links) == len(store) > PAIRS // 2
    aligned = list(itertools.islice(grammar.aligned_pairs("train"), PAIRS))
    for row, number in enumerate(store.numbers):
        pair = aligned[number - 1]
        expected = subword_links(
            SentencePair(pair.english, pair.german), sorted(pair.sure), (source, target), (False, False), ""
        )
        assert store.links[row].tolist() == expected
        assert max(i for i, _ in pairs_of(store.links[row])) < len(store.source[row])
        assert max(j for _, j in pairs_of(store.links[row])) < len(store.target[row])


def test_every_row_of_a_batch_has_its_links_from_any_position_on(prepared):
    _, _, _, store = prepared
    batches = TrainingBatches(store, (1.0,), 200, seed=1, micro_batches=2)
    rows = {(tuple(store.source[row]), tuple(store.target[row])): store.links[row] for row in range(len(store))}
    steps = list(itertools.islice(batches.start(Position()), 5))
    for step in steps:
        (part,) = step.slices
        assert part.links is not None
        assert part.links.shape[:2] == part.source.shape[:2]
        for source, target, links in zip(*(each.reshape(-1, each.shape[-1]) for each in part.arrays), strict=True):
            ids = tuple(source[source > 2]), tuple(target[target > 2])
            assert pairs_of(links) == (pairs_of(rows[ids]) if ids[0] else set())
    (resumed,) = next(batches.start(steps[2].after)).slices
    np.testing.assert_array_equal(resumed.links, steps[3].slices[0].links)
    assert len(batches.largest().arrays) == 3


def test_links_are_made_once_and_a_file_gives_the_same_as_the_grammar(prepared, tmp_path):
    _, _, _, store = prepared
    aligned = list(itertools.islice(grammar.aligned_pairs("train"), PAIRS))
    for side in ("english", "german"):
        (tmp_path / f"train.{side[:2].replace('ge', 'de')}").write_text(
            "".join(f"{getattr(pair, side)}\n" for pair in aligned)
        )
    lines = [" ".join(f"{i}-{j}" for i, j in sorted(pair.sure)) for pair in aligned]
    (tmp_path / "links").write_text("\n".join(lines) + "\n")
    config = config_of(tmp_path, corpus={"files": "train.{lang}", "alignment": "links"})
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    _, other = prepare(config, run)
    assert other.links is not None
    assert other.links.ids.tolist() == store.links.ids.tolist()
    written = (run.data / "links.ids").stat().st_mtime_ns
    prepare(config, run)
    assert (run.data / "links.ids").stat().st_mtime_ns == written
    (tmp_path / "links").write_text("\n".join([*lines, "0-0"]) + "\n")
    with pytest.raises(CorpusError, match=r"links has more lines than .* has pairs; it may be of another corpus"):
        prepare(config, run)
    (tmp_path / "links").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(CorpusError, match=f"links ends after line {PAIRS - 1}; it needs a line for each pair"):
        prepare(config, run)


@pytest.mark.parametrize("name", ["links.offsets", "links.json"])
def test_links_that_were_written_in_part_are_made_again(prepared, tmp_path, monkeypatch, name):
    _, _, _, store = prepared
    config, run = config_of(tmp_path), RunFolder(tmp_path / "run")
    run.path.mkdir()
    prepare(config, run)
    manifest = run.data / "links.json"
    ours, theirs = manifest.read_text(), json.dumps("another corpus")
    manifest.write_text(theirs)

    def fails(path, content):
        if path.name == name:
            raise KeyboardInterrupt
        write_file(path, content)

    monkeypatch.setattr("translator.data.links.write_file", fails)
    with pytest.raises(KeyboardInterrupt):
        prepare(config, run)
    assert not manifest.exists()
    monkeypatch.undo()
    _, again = prepare(config, run)
    assert again.links
    assert (again.links.ids.tolist(), manifest.read_text()) == (store.links.ids.tolist(), ours)


def test_a_changed_alignment_is_noticed_under_a_trained_run_even_without_its_encoded_corpus(tmp_path):
    links, run = tmp_path / "links", RunFolder(tmp_path / "run")
    run.path.mkdir()
    links.write_text("0-0\n" * PAIRS)
    corpus = {"grammar": "train", "pairs": PAIRS, "alignment": "links"}
    config = config_of(tmp_path, corpus=corpus)
    _, before = prepare(config, run)
    links.write_text("0-0 0-1\n" * PAIRS)
    trained = type("Trained", (RunFolder,), {"is_trained": property(lambda self: True)})(run.path)
    for _ in range(2):
        with pytest.raises(RunError, match=r"was trained on other data: .*links has changed\. Restore the files"):
            prepare(config, trained)
        shutil.rmtree(run.data, ignore_errors=True)
    data = config.data.model_copy(update={"on_change": "continue"})
    _, after = prepare(config.model_copy(update={"data": data}), trained)
    assert after.links
    assert before.links
    assert len(after.links.ids) > len(before.links.ids)


def test_without_guidance_there_are_no_links(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    config = config_of(tmp_path, {"guided_alignment": 0.0})
    _, store = prepare(config, run)
    assert store.links is None
    assert len(TrainingBatches(store, (1.0,), 200, seed=1).largest().arrays) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": {"guided_layer": 3}}, "train.guided_layer 3 and train.guided_head 1 are not in a model"),
        ({"train": {"guided_head": 3}}, "train.guided_layer None and train.guided_head 3 are not in a model"),
        ({"sampling_alpha": 0.1}, "leave tokenizer.sampling_alpha out"),
        ({"corpus": {"files": "train.{lang}"}}, "needs an alignment of each training corpus"),
    ],
)
def test_what_cannot_be_guided_is_refused(changes, said, tmp_path):
    with pytest.raises((ConfigError, ValueError), match=said):
        config_of(tmp_path, **changes)


def test_weights_that_may_be_zero_or_negative_cannot_be_guided(tmp_path):
    config = config_of(tmp_path).model_dump()
    config["model"]["attention"]["cross"]["selection"] = "signed"
    with pytest.raises(ValueError, match=r"selection to softmax or sigmoid; found signed"):
        Config.model_validate(config)
