"""What a configuration may say of columns, filters and temperature, and what each mistake is told."""

from typing import Any

import pydantic
import pytest
import yaml

from translator.config.data import DataConfig
from translator.config.load import dump_config, load_config
from translator.config.schema import Config


def data_of(source: str = "en", target: str = "de", **settings: Any) -> DataConfig:
    given = {"train": "t.{lang}", "validation": "v.{lang}", **settings}
    return DataConfig.model_validate({"source": source, "target": target, **given})


def problem(**settings: Any) -> str:
    with pytest.raises(pydantic.ValidationError) as caught:
        data_of(**settings)
    return " ".join(error["msg"] for error in caught.value.errors())


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ({"tsv": "t", "columns": [1]}, "columns is source and target, as in [1, 3], or a column by language"),
        ({"tsv": "t", "columns": 2}, "columns is source and target"),
        ({"tsv": "t", "columns": [True, 2]}, "columns is source and target"),
        ({"tsv": "t", "columns": {}}, "columns is source and target"),
        ({"tsv": "t", "columns": [0, 1]}, "columns of a tsv are numbers from 1 on; found 0, 1"),
        ({"tsv": "t", "columns": ["en", "de"]}, "columns of a tsv are numbers from 1 on; found en, de"),
        ({"jsonl": "t", "columns": [1, 2]}, "columns of jsonl are keys; found 1, 2"),
        ({"tsv": "t", "columns": [2, 2]}, "columns are different ones; found 2, 2"),
        ({"tmx": "t", "columns": [1, 2]}, "columns is for tsv and jsonl; leave it out of tmx"),
        ({"tsv": "t", "columns": {"en": 1, "fr": 2}}, "columns has no de; it has en, fr"),
    ],
)
def test_columns_that_do_not_fit_are_told(corpus: dict[str, Any], message: str):
    assert message in problem(train=corpus)


def test_keys_that_would_have_no_effect_are_refused():
    assert "split is for tfds; leave it out of files" in problem(train={"files": "a.{lang}", "split": "train[:9%]"})
    assert "weight is how often training passes over a corpus; leave it out of validation" in problem(
        validation={"files": "a.{lang}", "weight": 2}
    )
    assert "alignment is what train.guided_alignment learns; leave it out of test" in problem(
        test={"files": "a.{lang}", "alignment": "a"}
    )


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"scripts": {"en": "Klingon"}}, "there is no script 'Klingon'; its name is Unicode's"),
        ({"scripts": {"en": "Latin}|\\p{L"}}, "there is no script"),
        ({"scripts": {"fr": "Latin"}}, "filters.scripts has fr, but the languages are en and de"),
        ({"forbidden": ["("]}, "'(' is not a regular expression: missing ), unterminated subpattern at position 0"),
        ({"min_length": 5, "max_length": 4}, "max_length 4 is below min_length 5"),
        ({"max_ratio": 0.5}, "greater than or equal to 1"),
    ],
)
def test_filters_that_do_not_fit_are_told(filters: dict[str, Any], message: str):
    assert message in problem(filters=filters)


def test_words_are_no_measure_of_languages_without_spaces():
    message = "ja is written without spaces between words: set filters.length_unit: characters"
    assert message in problem(source="ja", filters={"max_ratio": 3})
    assert data_of(source="ja", filters={"max_ratio": 3, "length_unit": "characters", "identical": True})


def test_a_resolved_configuration_keeps_columns_and_filters(tmp_path: Any):
    settings: dict[str, Any] = {
        "train": [{"tsv": "t", "columns": {"en": 1, "de": 3}}, {"jsonl": "t", "columns": ["a.b", "c"]}],
        "filters": {"scripts": {"en": ["Latin"], "de": "Latin"}, "forbidden": ["<b>"], "duplicates": True},
        "temperature": 5,
    }
    config = Config.model_validate({"data": data_of(**settings), "train": {"max_steps": 1}})
    (tmp_path / "config.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "config.yaml") == config
    assert yaml.safe_load(dump_config(config))["data"]["train"][0]["columns"] == {"en": 1, "de": 3}


def test_a_symbol_that_is_the_tag_of_a_target_language_is_refused():
    french = {"files": "t.{lang}", "source": "en", "target": "fr"}
    data = {"train": ["t.{lang}", french], "validation": "v.{lang}"}
    symbols = {"user_defined_symbols": ["<x>", "<2fr>"]}
    message = (
        "tokenizer.user_defined_symbols: <2fr> is the tag of a target language, which the vocabulary has without it"
    )
    with pytest.raises(pydantic.ValidationError, match=message):
        Config.model_validate({"data": data, "tokenizer": symbols, "train": {"max_steps": 1}})
    assert Config.model_validate(
        {"data": data | {"train": "t.{lang}"}, "tokenizer": symbols, "train": {"max_steps": 1}}
    )
