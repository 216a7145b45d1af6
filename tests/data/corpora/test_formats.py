import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpora import data_of, error_of, write_sides
from translator.config.corpora import CORPUS_FORMATS, CorpusConfig
from translator.config.data import DataConfig
from translator.data.corpora.formats import FORMATS, open_corpus, read_all


def test_every_format_of_a_configuration_has_a_class() -> None:
    assert list(FORMATS) == list(CORPUS_FORMATS)


@pytest.mark.parametrize(
    ("corpus", "place"),
    [
        ({"files": "news/train.{lang}.gz"}, "data/news/train.en.gz:17"),
        ({"files": "news/train.{lang}.gz", "pairs": 20}, "data/news/train.en.gz:17"),
        ({"tsv": "pairs.tsv"}, "data/pairs.tsv:17"),
        ({"jsonl": "pairs.jsonl"}, "data/pairs.jsonl:17"),
        ({"tfds": "wmt14_translate/de-en"}, "wmt14_translate/de-en, pair 17"),
        ({"grammar": "train", "pairs": 20}, "grammar train, pair 17"),
    ],
)
def test_a_pair_has_a_place_in_its_corpus(corpus: dict[str, object], place: str) -> None:
    data = DataConfig(root=Path("data"), train="x.{lang}", validation="x.{lang}")
    assert open_corpus(CorpusConfig.model_validate(corpus), data).place(17) == place


@pytest.mark.parametrize(
    ("corpus", "names"),
    [
        ("t.{lang}", ["t.en", "t.de"]),
        ({"files": "t.{lang}", "pairs": 1}, ["t.en", "t.de"]),
        ({"files": "missing.{lang}"}, []),
        ({"tsv": "t.en"}, ["t.en"]),
        ({"jsonl": "t.en"}, ["t.en"]),
        ({"tmx": "t.en"}, ["t.en"]),
        ({"tmx": "missing"}, []),
        ({"grammar": "train", "pairs": 3}, []),
    ],
)
def test_the_inputs_are_the_files_that_exist(tmp_path: Path, corpus: object, names: list[str]) -> None:
    write_sides(tmp_path, "a\n", "A\n")
    data = data_of(corpus, tmp_path)
    assert open_corpus(data.train[0], data).inputs() == [(name, tmp_path / name) for name in names]


def test_evaluation_corpora_without_a_pair_are_all_named(tmp_path: Path) -> None:
    write_sides(tmp_path, "", "")
    data = data_of(["t.{lang}", {"tsv": "t.en"}], tmp_path)
    with pytest.raises(Exception, match="there is no sentence pair") as caught:
        read_all(data.train, data)
    assert str(caught.value) == (
        f"{tmp_path / 't.en'} and {tmp_path / 't.de'}, {tmp_path / 't.en'}: there is no sentence pair"
    )


def test_a_corpus_of_no_section_is_named_by_its_field_alone(tmp_path: Path) -> None:
    data = data_of("t.{lang}", tmp_path)
    message = error_of(open_corpus(CorpusConfig(tsv="u.tsv"), data).pairs())
    assert message == f"there is no file {tmp_path / 'u.tsv'}, which tsv names"


def test_the_formats_cost_no_tensorflow() -> None:
    code = "import sys, translator.data.corpora.formats; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3]).returncode == 0
