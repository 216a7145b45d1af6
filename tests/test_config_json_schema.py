"""The schema that editors complete from, applied by a validator of the few words of JSON Schema that it uses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from translator.cli.app import app
from translator.config.json_schema import json_schema
from translator.config.load import dump_config, load_config
from translator.config.reference import describe_settings

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("**/*.yaml"))
SCHEMA = json_schema()
TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
TYPES |= {"integer": int, "number": (int, float)}
WORDS = {
    *("$schema", "$ref", "definitions", "description", "default", "format", "type", "enum", "const", "properties"),
    *("items", "additionalProperties", "required", "dependencies", "anyOf", "oneOf", "if", "else", "minimum"),
    *("maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "minLength"),
}
VALID: dict[str, Any] = {"data": {"train": "t.{lang}", "validation": "v.{lang}"}, "train": {"max_steps": 9}}


def is_valid(value: Any, schema: dict[str, Any]) -> bool:
    assert schema.keys() <= WORDS, schema.keys() - WORDS
    if "$ref" in schema:
        return is_valid(value, SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")])
    kind = schema.get("type")
    checks = [
        kind is None or (isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))),
        value in schema.get("enum", [value]),
        value == schema.get("const", value),
        "anyOf" not in schema or any(is_valid(value, each) for each in schema["anyOf"]),
        "oneOf" not in schema or sum(is_valid(value, each) for each in schema["oneOf"]) == 1,
        "if" not in schema or is_valid(value, schema["if"]) or is_valid(value, schema["else"]),
    ]
    if isinstance(value, dict):
        known, needed = schema.get("properties", {}), schema.get("dependencies", {})
        checks += [is_valid(value[key], known[key]) for key in value if key in known]
        checks += [schema.get("additionalProperties", True) or value.keys() <= known.keys()]
        checks += [value.keys() >= set(schema.get("required", []))]
        checks += [value.keys() >= set(keys) for key, keys in needed.items() if key in value]
    if isinstance(value, list):
        items = schema.get("items", {})
        pairs = zip(value, items, strict=False) if isinstance(items, list) else ((item, items) for item in value)
        checks += [is_valid(*pair) for pair in pairs]
        checks += [schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))]
    if isinstance(value, int | float):
        checks += [schema.get("minimum", value) <= value <= schema.get("maximum", value)]
        checks += [schema.get("exclusiveMinimum", value - 1) < value < schema.get("exclusiveMaximum", value + 1)]
    return all(checks)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_file_in_configs_is_valid_and_so_is_what_it_resolves_to(path: Path):
    assert is_valid(yaml.safe_load(path.read_text(encoding="utf-8")), SCHEMA)
    assert is_valid(yaml.safe_load(dump_config(load_config(path))), SCHEMA)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"extends": None},
        {"data": {**VALID["data"], "train": ["a.{lang}", {"tsv": "b", "weight": 2}], "test": None}},
        {"train": {"max_steps": 9, "batch_tokens": "auto", "optimizer_betas": [0.9, 0.98]}},
        {"model": {"attention": {"encoder": {"window": 3}, "decoder": {"window": [3, None, 1, 2, 3, 4]}}}},
    ],
)
def test_what_loads_is_valid(changed: dict[str, Any], tmp_path: Path):
    config = VALID | changed
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    load_config(tmp_path / "c.yaml", ["train.warmup_steps=1"])
    assert is_valid(config, SCHEMA)


@pytest.mark.parametrize(
    "changed",
    [
        {"trian": {}},
        {"model": {"d_modle": 64}},
        {"model": {"d_model": "wide"}},
        {"model": {"d_model": True}},
        {"model": {"norm": "middle"}},
        {"model": {"dropout": 1.0}},
        {"extends": ["a.yaml"]},
        {"train": {"max_steps": 9, "optimizer_betas": [0.9]}},
        {"train": {"max_steps": 9, "optimizer_betas": [0.9, 2.0]}},
        {"data": {"train": "t.{lang}"}},
        {"data": {**VALID["data"], "test": []}},
        {"data": {**VALID["data"], "test": {"tsv": "b", "wieght": 2}}},
        {"data": {**VALID["data"], "test": {"tsv": "b", "files": "c.{lang}"}}},
        {"data": {**VALID["data"], "test": [{"grammar": "test"}]}},
    ],
)
def test_a_misspelled_key_or_a_wrong_value_is_not_valid(changed: dict[str, Any]):
    assert not is_valid(VALID | changed, SCHEMA)


def test_a_file_that_extends_another_may_leave_out_what_is_required():
    assert is_valid({"extends": "other.yaml", "data": {"root": "elsewhere"}}, SCHEMA)
    for nothing in ({}, {"extends": None}):
        assert not is_valid({**nothing, "data": {"root": "elsewhere"}}, SCHEMA)


def test_every_setting_has_its_documentation_on_one_line():
    names = "data", "model", "search", "train", "tokenizer", "corpus", "filters", "modifiers", "attention"
    sections = {name: SCHEMA["definitions"][f"{name.title()}Config"] for name in names}
    for key, _, _, text, _ in describe_settings():
        key = key.removeprefix("data.") if key.startswith(("data.filters.", "data.modifiers.")) else key
        key = re.sub(r"^model\.attention\.(\w+)\.", "attention.", re.sub(r"^data\.train\.", "corpus.", key))
        section, name = key.split(".")
        assert sections[section]["properties"][name]["description"] == text, key


def test_the_command_prints_the_schema():
    ran = CliRunner().invoke(app, ["config", "--json-schema"])
    assert ran.exit_code == 0
    assert json.loads(ran.stdout) == json.loads(json.dumps(SCHEMA))
