"""What is said of a segmentation, by the library and by `translator tokenize`."""

import json
import random
from pathlib import Path

import pytest

from tests.command_line import command
from translator.config.schema import Config
from translator.data.explaining import Explainer, ExplainError, counts_of
from translator.data.prepare import prepare
from translator.data.store import Sequences
from translator.run_folder import RunFolder

RNG = random.Random(2)
TAGGED = ["", "<tag> ", ""] * 20
ENGLISH = [tag + " ".join(RNG.choices(["the", "dog", "sees", "cat", "a"], k=5)) for tag in TAGGED]
JAPANESE = [
    tag + "".join(RNG.choices(["犬", "猫", "鳥", "が", "を", "見る", "見た", "。", "白い"], k=5)) for tag in TAGGED
]


@pytest.fixture(scope="module", params=[False, True], ids=["", "bytes"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Prepared, not trained: separate vocabularies of English and Japanese, with or without bytes."""
    root = tmp_path_factory.mktemp("explained")
    for name in ("train", "val"):
        for language, lines in (("en", ENGLISH), ("ja", JAPANESE)):
            (root / f"{name}.{language}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    config = Config.model_validate(
        {
            "data": {
                "root": root, "source": "en", "target": "ja", "train": "train.{lang}", "validation": "val.{lang}"
            },
            "tokenizer": {
                "vocabulary_size": 20 + 256 * request.param, "joint": False, "user_defined_symbols": ["<tag>"],
                "byte_fallback": request.param, "kind": "bpe",
            },
            "model": {"tied_embeddings": "none"},
            "train": {"max_steps": 1},
        }
    )  # fmt: skip
    run = RunFolder(root / "run")
    prepare(run.claim(config), run)
    return run


def test_each_subword_has_its_text_and_how_often_training_has_it(run: RunFolder):
    (explained,) = Explainer.load(run.path).explain(["the dog <tag>"])
    assert "".join(subword.piece for subword in explained.subwords) == "▁the▁dog▁<tag>"
    assert "".join(subword.text for subword in explained.subwords) == "the dog <tag>"
    tag = explained.subwords[-1]
    assert (tag.piece, tag.kind, tag.in_training) == ("<tag>", "symbol", 20)
    assert {subword.kind for subword in explained.subwords[:-1]} == {"subword"}
    assert explained.words == 3
    assert explained.subwords_a_word == len(explained.subwords) / 3
    assert explained.characters_a_subword == 11 / len(explained.subwords)


def test_what_the_vocabulary_lacks_is_unknown_or_bytes(run: RunFolder):
    (explained,) = Explainer.load(run.path).explain(["the ß"])
    if run.load_config().tokenizer.byte_fallback:
        assert [subword.piece for subword in explained.of_kind("byte")] == ["<0xC3>", "<0x9F>"]
        assert "".join(subword.text for subword in explained.of_kind("byte")) == "ß"
        assert explained.read_as == "the ß"
    else:
        assert [subword.text for subword in explained.of_kind("unknown")] == ["ß"]
        assert explained.read_as == "the ⁇"


def test_a_language_without_spaces_has_no_words(run: RunFolder):
    (explained,) = Explainer.load(run.path, "target").explain(["犬 を見る"])
    assert explained.words is None
    assert explained.subwords_a_word is None
    assert explained.characters_a_subword == 4 / len(explained.subwords)


def test_a_blank_text_has_no_subword(run: RunFolder):
    for text in ("", "  "):
        (explained,) = Explainer.load(run.path).explain([text], samples=2)
        assert (explained.subwords, explained.samples) == ((), ())
        assert explained.characters_a_subword is None


def test_samples_are_counted_and_spell_the_text(run: RunFolder):
    explainer = Explainer.load(run.path)
    texts = ["the cat sees <tag>", "", "the dog"]
    explained = explainer.explain(texts, samples=30)
    for text, each in zip(texts, explained, strict=True):
        counts = [drawn for drawn, _ in each.samples]
        assert counts == sorted(counts, reverse=True)
        assert sum(counts) == 30 * bool(text)
        for _, pieces in each.samples:
            assert "".join(pieces).replace("▁", " ").strip() == text
    assert len(explained[0].samples) > 1
    assert [each.samples for each in explainer.explain(texts, samples=30)] == [each.samples for each in explained]


def test_what_is_drawn_depends_on_the_number_of_a_text_and_not_on_what_comes_with_it(run: RunFolder):
    explainer = Explainer.load(run.path)
    texts = ["the cat sees <tag>", "the dog sees the cat", "the dog"]
    together = explainer.explain(texts, samples=8)
    alone = [explainer.explain([text], samples=8, first_row=row) for row, text in enumerate(texts)]
    assert [each.samples for each in together] == [each.samples for (each,) in alone]


def test_without_an_encoded_corpus_counts_are_not_known(run: RunFolder):
    explainer = Explainer(Explainer.load(run.path).tokenizer, spaceless=False)
    assert {subword.in_training for each in explainer.explain(["the dog"]) for subword in each.subwords} == {None}


def test_counts_are_those_of_all_sequences(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("translator.data.explaining.COUNTED_TOGETHER", 2)
    assert counts_of(Sequences.of([[1, 1, 3], [0], [3, 3]]), 5).tolist() == [1, 2, 0, 3, 0]


@pytest.mark.parametrize("line", ["4 x", "-1", "99999", "1.5"])
def test_what_is_no_id_is_named(run: RunFolder, line: str):
    last = 19 + 256 * run.load_config().tokenizer.byte_fallback
    given = line.split()[-1]
    with pytest.raises(
        ExplainError, match=f"'{given}' is not an id of this vocabulary; expected numbers from 0 to {last}"
    ):
        Explainer.load(run.path).ids_of(line)


def test_the_table_is_aligned_where_characters_are_wide(run: RunFolder, monkeypatch, capsys, tmp_path: Path):
    (tmp_path / "in").write_text("犬<tag>x\n\n", encoding="utf-8")
    given = ("tokenize", str(run.path), "--side", "target", "--input", str(tmp_path / "in"), "--sampled", "3")
    code, output, _ = command(monkeypatch, capsys, *given)
    lines = output.splitlines()
    rows = {line.split()[0]: line for line in lines if line.startswith("  ")}
    # A character of Japanese takes two columns.
    end = len(rows["<tag>"].partition("20")[0])
    assert code == 0
    assert lines[0] == "犬<tag>x"
    assert rows["<tag>"].endswith("20  user-defined symbol")
    wide = next(line for name, line in rows.items() if name.endswith("犬") and "drawn" not in line)
    assert len(wide) == end + 2 - 1
    assert any(note in output for note in ("unknown: x", "byte of x"))
    assert "drawn 3×: " in output or "drawn 2×: " in output
    assert lines[-3:-1] == ["", "  no subword"]


def test_ids_become_text_again_and_json_has_all(run: RunFolder, monkeypatch, capsys, tmp_path: Path):
    texts = ["the dog <tag>sees", "", "the cat"]
    (tmp_path / "in").write_text("".join(f"{text}\n" for text in texts))
    given = ("tokenize", str(run.path), "--input", str(tmp_path / "in"))
    _, ids, _ = command(monkeypatch, capsys, *given, "--format", "ids")
    _, pieces, _ = command(monkeypatch, capsys, *given, "--format", "pieces")
    (tmp_path / "ids").write_text(ids)
    _, back, _ = command(monkeypatch, capsys, *given[:3], str(tmp_path / "ids"), "--detokenize")
    assert back.splitlines() == texts
    (tmp_path / "ids").write_text(ids.splitlines()[0] + "\n\n7 99999\n")
    code, back, error = command(monkeypatch, capsys, *given[:3], str(tmp_path / "ids"), "--detokenize")
    assert (code, back.splitlines()) == (2, [texts[0], ""])
    assert error.startswith(f"{tmp_path / 'ids'}:3: '99999' is ")
    _, output, _ = command(monkeypatch, capsys, *given, "--format", "json")
    documents = [json.loads(line) for line in output.splitlines()]
    assert [" ".join(str(each["id"]) for each in one["subwords"]) for one in documents] == ids.splitlines()
    assert [" ".join(each["piece"] for each in one["subwords"]) for one in documents] == pieces.splitlines()
    assert documents[0]["words"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sampled", "3", "--format", "ids"], "--sampled shows segmentations beside the one that is used"),
        (["--detokenize", "--format", "json"], "--detokenize writes text; leave --format json out"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(run: RunFolder, options, message: str, monkeypatch, capsys):
    code, output, said = command(monkeypatch, capsys, "tokenize", str(run.path), *options)
    assert (code, output, said.count("\n")) == (2, "", 1)
    assert said.startswith(message)
