"""The JSON schema of configuration files, from which editors complete keys, show documentation and mark mistakes.

It is of draft 7, which every YAML language server understands.
"""

from typing import Any

from translator.config.corpora import CORPUS_FORMATS, CorpusConfig
from translator.config.data import DataConfig
from translator.config.schema import Config
from translator.config.section import Section

DRAFT = "http://json-schema.org/draft-07/schema#"
EXTENDS = "A configuration file that this one starts from, relative to this file; this one lists only what differs."


def json_schema() -> dict[str, Any]:
    """The schema of a configuration file, as plain data for `json.dumps`.

    It knows each setting by itself. What depends on several, such as `d_model` being divisible by `num_heads`, is
    checked when a configuration is loaded.
    """
    schema = _for_editors(Config.model_json_schema(ref_template="#/definitions/{model}"))
    definitions = schema.pop("$defs")
    corpus, name = definitions[CorpusConfig.__name__], {"type": "string", "description": EXTENDS}
    corpus["oneOf"] = [{"required": [key]} for key in CORPUS_FORMATS]
    corpus["dependencies"] = {"grammar": ["pairs"]}  # the grammar is endless
    return {
        "$schema": DRAFT,
        **schema,
        "properties": {"extends": {"anyOf": [name, {"type": "null"}]}, **schema["properties"]},
        # What is required may stand in the file that this one extends.
        "if": {"required": ["extends"], "properties": {"extends": {"type": "string"}}},
        "else": {
            "required": _required(Config),
            "properties": {"data": {"required": _required(DataConfig)}},
        },
        "definitions": definitions,
    }


def _required(section: type[Section]) -> list[str]:
    return [name for name, field in section.model_fields.items() if field.is_required()]


def _for_editors(node: Any, *, names: bool = False) -> Any:
    """Pydantic's schema in terms of draft 7, each text on one line, without titles and without required keys.

    Args:
        node: A schema, or a part of one.
        names: Whether the keys of `node` are names of settings or definitions, and not words of the schema language.
    """
    if isinstance(node, list):
        return [_for_editors(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _for_editors(value) for key, value in node.items()}
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key == "description":
            kept[key] = " ".join(value.split())
        elif key == "prefixItems":
            kept["items"] = _for_editors(value)
        elif key == "default":
            kept[key] = value
        elif key not in ("title", "required"):
            kept[key] = _for_editors(value, names=key in ("properties", "$defs"))
    return kept
