"""What `translator train` checks before it encodes the corpus."""

import logging

from tests.data.checks.planted import config_of, grammar_pairs, write
from translator.data.preflight import FIRST_PAIRS, warn_of_trouble
from translator.run_folder import RunFolder


def warnings(folder, train, caplog, run="run"):
    write(folder, "train", train)
    write(folder, "val", grammar_pairs("validation", 20))
    with caplog.at_level(logging.WARNING):
        warn_of_trouble(config_of(folder), RunFolder(folder / run))
    return [record.getMessage() for record in caplog.records]


def test_a_clean_corpus_is_met_with_silence(tmp_path, caplog):
    assert warnings(tmp_path, grammar_pairs("train", 300), caplog) == []


def test_a_finding_is_one_line_with_its_first_place(tmp_path, caplog):
    train = grammar_pairs("train", 300)
    train[16] = grammar_pairs("validation", 20)[3]
    (line,) = warnings(tmp_path, train, caplog)
    assert line.startswith(
        f"validation: {tmp_path / 'val.en'} and {tmp_path / 'val.de'}: 1 pair stands in training too;"
    )
    assert line.endswith(f"; the first: {tmp_path / 'val.en'}:4")


def test_only_the_first_pairs_of_training_are_read(tmp_path, caplog):
    train = [*(grammar_pairs("train", 300) * 17)[:FIRST_PAIRS], grammar_pairs("validation", 20)[3]]
    assert not any("val.en" in line for line in warnings(tmp_path, train, caplog))


def test_a_corpus_that_has_been_encoded_is_not_checked_again(tmp_path, caplog):
    (tmp_path / "run" / "data").mkdir(parents=True)
    assert warnings(tmp_path, grammar_pairs("validation", 20), caplog) == []
