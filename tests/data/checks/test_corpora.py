"""Trouble planted in a corpus of the built-in grammar, each kind found where it is."""

import gzip
import tracemalloc
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.checks.planted import checked, config_of, found, grammar_pairs, kinds, lines, write
from tests.hostile import budget
from translator.config.data import DataConfig
from translator.data.checks import duplicates
from translator.data.checks.blocks import Block
from translator.data.checks.corpora import check_corpora
from translator.data.checks.findings import Example
from translator.data.checks.sides import EqualSides
from translator.data.corpora.base import SentencePair
from translator.data.filters import has_text, make_filters


def test_in_a_corpus_without_trouble_there_is_nothing_to_warn_of(tmp_path):
    report = checked(tmp_path, grammar_pairs("train", 2000))
    assert {finding.kind for finding in report.findings if finding.severity != "note"} == set()
    assert not report.has_errors
    assert [(each.section, each.pairs) for each in report.corpora] == [("validation", 100), ("train", 2000)]


@pytest.mark.parametrize(
    ("kind", "language", "pair"),
    [
        ("empty", "en", ("A sentence without a translation.", "")),
        ("empty", "en", (" \t ", "Ein Satz ohne Vorlage.")),
        ("identical", "en", ("The programme was not translated.", "The programme was not translated.")),
        (
            "swapped",
            "en",
            ("Ich glaube, dass der Lehrer das Buch liest.", "I think that the teacher reads the book."),
        ),
        (
            "wrong-target-language",
            "de",
            ("The doctor sees the dog.", "The teacher reads the letter in the garden."),
        ),
        ("wrong-source-language", "en", ("Der Lehrer liest den Brief in dem Garten.", "Die Ärztin sieht den Hund.")),
        ("wrong-target-language", "de", ("The doctor sees the dog.", "Врач видит собаку.")),
        (
            "ratio",
            "en",
            ("The dog sleeps.", "Der Hund schläft, und die Katze sieht das Haus, in dem die Ärztin ist."),
        ),
        ("control", "en", ("The dog\x07 sleeps.", "Der Hund schläft.")),
        ("control", "de", ("The dog sleeps.", "Der Hund\ufffd schläft.")),
        ("html", "en", ("The dog &amp; the cat sleep.", "Der Hund und die Katze schlafen.")),
        ("html", "en", ("The <b>dog</b> sleeps.", "Der Hund schläft.")),
        ("encoded-twice", "de", ("The dog sleeps.", "Der Hund schlÃ¤ft.")),
    ],
)
def test_a_planted_pair_is_found_where_it_stands(tmp_path, kind, language, pair):
    train = grammar_pairs("train", 3000)
    train[1233] = pair
    finding = found(checked(tmp_path, train), kind)
    assert (finding.count, finding.pairs, lines(finding)) == (1, 3000, [1234])
    assert finding.examples[0].place == f"{tmp_path / f'train.{language}'}:1234"


def test_a_less_than_sign_and_an_ampersand_are_not_html(tmp_path):
    train = grammar_pairs("train", 300)
    train[7] = ("Is 3 < 4 & 5 > 4; AT&T?", "Ist 3 < 4 & 5 > 4; AT&T?")
    assert "html" not in kinds(checked(tmp_path, train))


@pytest.mark.parametrize(
    ("sentence", "is_stray"),
    [
        ("ខ្ញុំ\u200bស្រឡាញ់\u200bអ្នក", False),
        ("ฉัน\u200bรัก\u200bคุณ", False),
        ("ຂ້ອຍ\u200bຮັກ\u200bເຈົ້າ", False),
        ("ငါ\u200bမင်းကို\u200bချစ်တယ်", False),
        ("Ich\u200bliebe dich", True),
        ("ខ្ញុំ\u200bស្រឡាញ់\u200bអ្នក\x07", True),
    ],
)
def test_a_zero_width_space_is_invisible_but_between_words_of_scripts_without_spaces(tmp_path, sentence, is_stray):
    train = [*grammar_pairs("train", 300), ("I love you.", sentence)]
    assert ("control" in kinds(checked(tmp_path, train))) == is_stray


def test_names_and_numbers_may_be_the_same_on_both_sides(tmp_path):
    train = grammar_pairs("train", 300)
    train[7], train[8] = ("Berlin", "Berlin"), ("12 345 678 910", "12 345 678 910")
    report = checked(tmp_path, train)
    assert "identical" not in kinds(report)
    finding = found(report, "identical-short")
    assert (finding.count, finding.severity, lines(finding)) == (2, "note", [8, 9])


TEXT = st.text("aßSs\u3000 \t", max_size=4) | st.sampled_from(["Straßenbahn", "STRASSENBAHN ", " strassenbahn"])


@budget(100)
@given(pairs=st.lists(st.tuples(TEXT, TEXT), max_size=20))
def test_what_filters_would_leave_out_is_found(pairs):
    pairs = [SentencePair(*pair) for pair in pairs]
    corpus = SimpleNamespace(description="given", place=lambda number, side="source": f"line {number}")
    for check, name in ((duplicates.Duplicates(), "duplicates"), (EqualSides(), "identical")):
        data = DataConfig.model_validate({"train": "t.{lang}", "validation": "t.{lang}", "filters": {name: True}})
        (rejecting,) = make_filters(data)
        left_out = sum(rejecting.rejects(pair) for pair in pairs if has_text(pair))
        for start in range(0, len(pairs), 7):
            check.look(Block.of("train", corpus, start + 1, pairs[start : start + 7]))
        assert sum(finding.count for finding in check.findings()) == left_out


def test_pairs_without_text_are_no_duplicates(tmp_path):
    train = list(dict.fromkeys(grammar_pairs("train", 500)))[:300]
    train[20:22] = [("", ""), ("", "")]
    train[100], train[200] = (f" {train[9][0]}", train[9][1].replace(" ", "  ")), train[9]
    finding = found(checked(tmp_path, train), "duplicate")
    assert (finding.count, lines(finding)) == (2, [101, 201])


def test_a_pair_that_comes_again_is_named_with_its_first_place(tmp_path):
    train = list(dict.fromkeys(grammar_pairs("train", 500)))
    train[300] = train[20]
    finding = found(checked(tmp_path, train), "duplicate")
    assert (finding.count, lines(finding)) == (1, [301])
    assert finding.examples[0].text == f"as {tmp_path / 'train.en'}:21"


def test_a_pair_of_another_corpus_is_a_duplicate_too(tmp_path):
    pairs = list(dict.fromkeys(grammar_pairs("train", 500)))
    write(tmp_path, "more", [("Something else.", "Etwas anderes."), pairs[20]])
    report = checked(tmp_path, pairs, data={"train": ["train.{lang}", "more.{lang}"]})
    finding = found(report, "duplicate")
    assert finding.examples[0].place == f"{tmp_path / 'more.en'}:2"
    assert finding.examples[0].text == f"as {tmp_path / 'train.en'}:21"


def test_a_corpus_that_is_there_twice_needs_few_bytes_a_pair(monkeypatch):
    monkeypatch.setattr(duplicates, "HASHES_TOGETHER", 2**11)
    pairs = [SentencePair(f"a{i}", "b") for i in range(50_000)]
    corpus = SimpleNamespace(description="twice", place=lambda number: f"line {number}")
    check = duplicates.Duplicates()
    for start in range(0, 100_000, 10_000):
        check.look(Block.of("train", corpus, start + 1, pairs[start % 50_000 : start % 50_000 + 10_000]))
    tracemalloc.start()
    (finding,) = check.findings()
    bytes_a_pair = tracemalloc.get_traced_memory()[1] / 100_000
    tracemalloc.stop()
    assert bytes_a_pair < 16
    assert (finding.count, finding.examples[0]) == (50_000, Example("line 50001", "as line 1"))


@pytest.mark.parametrize("together", [7, 100, 500])
def test_duplicates_are_found_however_many_hashes_lie_together(tmp_path, monkeypatch, together):
    monkeypatch.setattr(duplicates, "HASHES_TOGETHER", together)
    train = list(dict.fromkeys(grammar_pairs("train", 600)))[:500]
    again = [(3, 400), (3, 90), (77, 78), (77, 499), (250, 251), (120, 410), (130, 420)]
    for first, second in again:
        train[second] = train[first]
    finding = found(checked(tmp_path, train), "duplicate")
    in_order = sorted(again, key=lambda pair: pair[1])[:5]
    assert (finding.count, lines(finding)) == (len(again), [second + 1 for _, second in in_order])
    assert [example.text for example in finding.examples] == [
        f"as {tmp_path / 'train.en'}:{a + 1}" for a, _ in in_order
    ]


def test_files_of_different_lengths_are_an_error_and_what_can_be_read_is_checked(tmp_path):
    train = grammar_pairs("train", 300)
    train[7] = ("An empty one.", "")
    write(tmp_path, "train", train)
    with (tmp_path / "train.en").open("a") as file:
        file.write("One more.\n")
    write(tmp_path, "val", grammar_pairs("validation", 10))
    report = check_corpora(config_of(tmp_path))
    assert "has 301 lines but" in found(report, "unreadable").message
    assert lines(found(report, "empty")) == [8]
    assert report.has_errors


def test_a_byte_that_is_not_utf_8_is_an_error_with_its_place(tmp_path):
    write(tmp_path, "train", grammar_pairs("train", 300))
    write(tmp_path, "val", grammar_pairs("validation", 10))
    (tmp_path / "train.de").write_bytes((tmp_path / "train.de").read_bytes() + "Übung\n".encode("latin-1"))
    with (tmp_path / "train.en").open("a") as file:
        file.write("Exercise\n")
    report = check_corpora(config_of(tmp_path))
    assert f"{tmp_path / 'train.de'}:301: byte 1 of the line, 0xdc, is not UTF-8" in found(report, "unreadable").message


def test_trouble_in_the_validation_set_is_found_there(tmp_path):
    validation = grammar_pairs("validation", 100)
    validation[41] = ("A sentence.", "")
    finding = found(checked(tmp_path, grammar_pairs("train", 500), validation), "empty", "validation")
    assert lines(finding) == [42]


def test_a_corpus_whose_sides_are_swapped_against_validation_is_an_error(tmp_path):
    train = [(german, english) for english, german in grammar_pairs("train", 2000)]
    finding = found(checked(tmp_path, train), "swapped", "validation")
    assert finding.severity == "error"


def test_a_side_in_another_script_than_its_language_has_is_an_error(tmp_path):
    for language, name in (("ja", "en"), ("en", "de")):
        text = "".join(f"{pair[name == 'de']}\n" for pair in grammar_pairs("train", 300))
        for part in ("train", "val"):
            (tmp_path / f"{part}.{language}").write_text(text, encoding="utf-8")
    report = check_corpora(config_of(tmp_path, data={"source": "ja", "target": "en"}))
    assert "data.source is ja (Japanese), but 100% of the letters" in found(report, "wrong-script").message
    assert report.has_errors


@pytest.mark.parametrize(
    ("language", "sentence", "is_wrong"),
    [
        ("kk-Arab", "بارلىق ادامدار تۋمىسىنان ازات", False),
        ("kk-Arab", "барлық адамдар тумысынан азат", True),
        ("kk", "барлық адамдар тумысынан азат", False),
        ("sr_Latn", "sva ljudska bića rađaju se slobodna", False),
        ("zh-Latn", "所有的人生来都是自由的", True),
        ("sr", "sva ljudska bića rađaju se slobodna", False),
        ("xx-Qaaa", "sva ljudska bića rađaju se slobodna", False),
    ],
)
def test_the_script_in_the_code_of_a_language_is_the_one_expected(tmp_path, language, sentence, is_wrong):
    for part in ("train", "val"):
        (tmp_path / f"{part}.{language}").write_text(f"{sentence}\n" * 30, encoding="utf-8")
        (tmp_path / f"{part}.en").write_text("All human beings are born free.\n" * 30, encoding="utf-8")
    report = check_corpora(config_of(tmp_path, data={"source": language, "target": "en"}))
    assert ("wrong-script" in kinds(report)) == is_wrong


def test_only_the_first_pairs_are_read_if_asked(tmp_path):
    write(tmp_path, "train", grammar_pairs("train", 300))
    write(tmp_path, "val", grammar_pairs("validation", 10))
    report = check_corpora(config_of(tmp_path), first=50)
    assert [each.pairs for each in report.corpora] == [10, 50]


def test_a_broken_archive_is_found(tmp_path):
    write(tmp_path, "train", grammar_pairs("train", 300))
    write(tmp_path, "val", grammar_pairs("validation", 10))
    (tmp_path / "val.en.gz").write_bytes(gzip.compress((tmp_path / "val.en").read_bytes())[:50])
    (tmp_path / "val.de.gz").write_bytes(gzip.compress((tmp_path / "val.de").read_bytes()))
    report = check_corpora(config_of(tmp_path, data={"validation": "val.{lang}.gz"}))
    assert "cannot be read" in found(report, "unreadable", "validation").message
