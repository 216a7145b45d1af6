"""YAML as configurations use it: plain data in the core schema of YAML 1.2; errors say how to write it.

PyYAML implements YAML 1.1, where `no` is false, `010` is eight, `12:30` is 750, a date is not text, but `1e-4` is.
"""

import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

MOST_NESTED = 32  # depth of mappings and lists; PyYAML may take minutes for a deeper text

# YAML 1.2.2, §10.3.2: a tag, the pattern of its values, and the characters that these may start with.
CORE_SCHEMA = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
)

# Patterns of PyYAML's messages, and plain words for each. First what is not closed: these errors are located where it
# opens.
LEFT_OPEN = (
    (r"quoted scalar found unexpected", "this quote is not closed"),
    (r"flow \w+ expected .*'<stream end>'", "this bracket or brace is not closed"),
    (r"could not find expected ':'", "a key without its colon, as in `key: value`"),
)
WORDS = (
    (r"found character '\\t'", "a tab; YAML indents with spaces"),
    (r"found character '(.)'", r"put a text that starts with \1 in quotes"),
    (r"scanning an? (alias|anchor|block scalar|tag)", "put a text that starts with *, &, |, > or ! in quotes"),
    (r"escape", "a backslash in double quotes starts an escape sequence; put the text in single quotes"),
    (
        r"mapping values are not allowed",
        "a colon where no key is allowed; write a space after the colon of each key, give all keys of a section the "
        "same indentation, and put a text with a colon in quotes",
    ),
    (
        r"expected <block end>, but found '(<block \w+ start>|-)'",
        "this line does not match those above; the keys of a section, and the items of a list, have the same "
        "indentation",
    ),
    (r"sequence entries are not allowed", "start a list on a line of its own, or write it as in `key: [a, b]`"),
    (r"found another document", "a second document after ---; a configuration is a single one"),
    (r"", "unexpected characters; put a text with brackets, braces, quotes, colons or % in quotes"),
)
NOT_TAKEN = {
    "anchor": "YAML anchors (&name) and aliases (*name) are not supported; use `extends:` to share settings, and "
    "quotes for a text that starts with & or *",
    "tag": "YAML tags (!name) are not supported; put a text that starts with ! in quotes",
}


class YamlError(ValueError):
    """A text that is not plain data; says where, what is wrong, and how to write it."""


class _Loader(yaml.SafeLoader):
    """Loads plain data only, and rejects what YAML allows but no configuration means: duplicate keys, huge numbers."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) <= 64:
            number = int(node.value, 0 if node.value[:2] in ("0o", "0x") else 10)
            if abs(number) < 2**63:
                return number
        raise ConstructorError(None, None, "an integer of more than 64 bits", node.start_mark)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        return float(re.sub(r"\.(?=[in])", "", node.value.lower()))  # .inf and .nan have no dot in Python

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                problem = "a list or a mapping as a key; put a text with brackets or braces in quotes"
                raise ConstructorError(None, None, problem, key.start_mark)
            if (key.tag, key.value) in seen:
                raise ConstructorError(None, None, f"duplicate key {key.value}", key.start_mark)
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes a text that either version of YAML would read as something else."""


for _tag, _pattern, _first in CORE_SCHEMA:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def parse_yaml(text: str) -> Any:
    """Reads plain data: mappings, lists, text, numbers, true, false and null.

    Raises:
        YamlError: It is not YAML, or has what no configuration means: aliases, tags, duplicate keys, deep nesting.
    """
    try:
        nested = 0
        for event in yaml.parse(text, Loader=_Loader):
            nested += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if nested > MOST_NESTED:
                raise YamlError(f"nested more than {MOST_NESTED} levels deep; no setting is")
            for extra, problem in NOT_TAKEN.items():
                if getattr(event, extra, None) is not None:
                    raise YamlError(_at(event.start_mark, text, problem))
        return _Loader(text).get_single_data()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"line {line}: the character U+{error.character:04X}, which YAML does not allow") from error
    except yaml.MarkedYAMLError as error:
        raise YamlError(_in_words(error, text)) from error


def dump_yaml(data: Any) -> str:
    """Writes plain data in a form that both versions of YAML read back."""
    # Non-ASCII is escaped: PyYAML writes some line separators (U+0085) as they are, and reads them back as spaces.
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=120)


def shown(value: Any) -> str:
    """A value for a message: text in quotes, anything else in YAML."""
    if isinstance(value, str):
        return repr(value)
    written = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=float("inf"))
    return written.removesuffix("...\n").strip().replace(": null", "")


def not_text(value: Any, how: str, written: str | None = None) -> str:
    """Says what YAML reads in place of text, and how to write it as text.

    Args:
        value: What was read.
        how: How the value would be written, with {} for the value.
        written: The value as it stands there, where that is known: 1e3 is read as 1000.0.
    """
    if value is None:
        return "expected text, found nothing (null)"
    if isinstance(value, list):
        return f"expected one text, found the list {shown(value):.80}"
    kind = "a boolean" if isinstance(value, bool) else "a mapping" if isinstance(value, dict) else "a number"
    text = f"{written or shown(value):.80}"
    return f"expected text, and YAML reads {text} as {kind}; put it in quotes, as in {how.replace('{}', repr(text))}"


def _in_words(error: yaml.MarkedYAMLError, text: str) -> str:
    if isinstance(error, ConstructorError):  # one of those above
        return _at(error.problem_mark, text, error.problem)
    said = f"{error.context} {error.problem}"
    for pattern, words in LEFT_OPEN:
        if re.search(pattern, said):
            return _at(error.context_mark, text, words)
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", _line(error.problem_mark, text))
    braces = re.search(r"[^\s,\[{]*\{\w+\}[^\s,\]}]*", unquoted)  # as in t.{lang}
    if braces and ("flow" in said or braces[0].startswith("{")):
        return _at(error.problem_mark, text, f"put a text with braces in quotes: '{braces[0]}'")
    words = next(match.expand(words) for pattern, words in WORDS if (match := re.search(pattern, said)))
    return _at(error.problem_mark, text, words)


def _line(mark: Any, text: str) -> str:
    return next(iter(text.splitlines()[mark.line : mark.line + 1]), "").strip()


def _at(mark: Any, text: str, problem: str | None) -> str:
    """A problem with its location: the column and, in a text of several lines, the line."""
    place = f"column {mark.column + 1}"
    if len(text.splitlines()) > 1:
        place = f"line {mark.line + 1}, {place}, {_line(mark, text)!r:.80}"
    return f"{place}: {problem}"
