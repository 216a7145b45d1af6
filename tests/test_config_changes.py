"""Two configurations beside each other."""

from pathlib import Path
from typing import Any

import pytest

from tests.report.recorded import make_config
from translator.config.changes import Setting, changes, chosen
from translator.config.schema import Config


def config_of(**data: Any) -> Config:
    return Config.model_validate(
        {"data": {"train": "t.{lang}", "validation": "v.{lang}", **data}, "train": {"max_steps": 5000}}
    )


def told(before: Config, now: Config) -> list[str]:
    return [str(change) for change in changes(before, now)]


def test_equal_configurations_have_no_changes():
    assert told(config_of(), config_of()) == []


def test_a_corpus_of_another_kind_is_told_setting_by_setting():
    assert told(config_of(), config_of(train={"tsv": "x"})) == [
        "data.train.files was 't.{lang}' and is None",
        "data.train.tsv was None and is 'x'",
    ]


@pytest.mark.parametrize("start", ["", "/a/long/way" * 20])
@pytest.mark.parametrize("end", ["", "/and/on" * 20])
def test_long_values_are_cut_around_what_differs(start: str, end: str):
    (line,) = told(config_of(train={"tsv": f"{start}ONE{end}"}), config_of(train={"tsv": f"{start}OTHER{end}"}))
    before, now = line.removeprefix("data.train.tsv was ").split(" and is ")
    assert "ONE" in before
    assert "OTHER" in now
    assert len(before) <= 62
    assert before.startswith("…") == bool(start)
    assert before.endswith("…") == bool(end)


def test_of_a_long_value_that_goes_on_the_rest_is_shown():
    (line,) = told(config_of(train={"tsv": "x" * 100}), config_of(train={"tsv": "x" * 100 + "REST"}))
    assert line.endswith("xxxREST'")


def test_settings_that_are_not_at_their_defaults_are_listed_with_them():
    config = make_config(learning_rate=0.5)
    found = {setting.key: (setting.value, setting.default) for setting in chosen(config)}
    assert found["model.d_model"] == (8, 512)
    assert found["train.learning_rate"] == (0.5, type(config.train).model_fields["learning_rate"].default)
    assert found["data.train"] == ([{"files": "a.{lang}"}], None)
    assert "model.d_ff" not in found


@pytest.mark.parametrize(
    ("value", "text"),
    [("cosine", "cosine"), (None, "null"), (True, "true"), (Path("a b"), "a b"), ([1, "x"], "[1, x]")],
)
def test_a_setting_is_shown_as_a_file_has_it(value: Any, text: str):
    assert Setting("a", value, None).value_text == text
    assert Setting("a", 1, value).default_text == ("" if value is None else text)
