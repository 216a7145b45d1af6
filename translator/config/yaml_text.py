"""YAML as configurations use it: plain data by the core schema of YAML 1.2, or one line that says how to write it.

PyYAML reads YAML 1.1, where `no` is false, `010` is eight, `12:30` is 750, a date is no text and `1e-4` is one.
"""

import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

MOST_NESTED = 32  # mappings and lists in each other: past that PyYAML may take minutes over a text

# YAML 1.2.2, §10.3.2: a tag, what is read as such, and the characters that it may start with.
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

# What PyYAML says, and the same for those who have never read a grammar of YAML. First what is left open, of which the
# place is told where it opens.
LEFT_OPEN = (
    (r"quoted scalar found unexpected", "this quote is not closed"),
    (r"flow \w+ expected .*'<stream end>'", "this bracket or brace is not closed"),
    (r"could not find expected ':'", "a key without its colon, as in `key: value`"),
)
WORDS = (
    (r"found character '\\t'", "a tab; YAML indents with spaces"),
    (r"found character '(.)'", r"a text that starts with \1 goes in quotes"),
    (r"scanning an? (alias|anchor|block scalar|tag)", "a text that starts with *, &, |, > or ! goes in quotes"),
    (r"escape", "in double quotes a backslash means something else; put the text in single quotes"),
    (
        r"mapping values are not allowed",
        "a colon where no key can be; write a space after the colon of each key, indent the keys of a section alike, "
        "and put a text with a colon in quotes",
    ),
    (
        r"expected <block end>, but found '(<block \w+ start>|-)'",
        "this line does not go with those above; the keys of a section, and the items of a list, are indented alike",
    ),
    (r"sequence entries are not allowed", "a list starts on a line of its own, or is written as in `key: [a, b]`"),
    (r"found another document", "a second document after ---; a configuration is one"),
    (r"", "found what cannot be here; a text that has brackets, braces, quotes, colons or % goes in quotes"),
)
NOT_TAKEN = {
    "anchor": "YAML anchors (&name) and aliases (*name) are not taken; use `extends:` to share settings, and quotes "
    "for a text that starts with & or *",
    "tag": "YAML tags (!name) are not taken; a text that starts with ! goes in quotes",
}


class YamlError(ValueError):
    """A text that is no plain data; says where, what is wrong, and how to write it."""


class _Loader(yaml.SafeLoader):
    """Plain data alone, without what YAML takes but no configuration means: a key given twice, an endless number."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) <= 64:
            number = int(node.value, 0 if node.value[:2] in ("0o", "0x") else 10)
            if abs(number) < 2**63:
                return number
        raise ConstructorError(None, None, "a whole number of more than 64 bits", node.start_mark)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        return float(re.sub(r"\.(?=[in])", "", node.value.lower()))  # .inf and .nan have no dot in Python

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                problem = "a list or a mapping in a key's place; a text that has brackets or braces goes in quotes"
                raise ConstructorError(None, None, problem, key.start_mark)
            if (key.tag, key.value) in seen:
                raise ConstructorError(None, None, f"the key {key.value} is there twice", key.start_mark)
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Puts quotes around a text that either version of YAML would read as something else."""


for _tag, _pattern, _first in CORE_SCHEMA:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def parse_yaml(text: str) -> Any:
    """Reads plain data: mappings, lists, text, numbers, true, false and null.

    Raises:
        YamlError: it is not YAML, or has what no configuration means: aliases, tags, a key twice, an endless nest.
    """
    try:
        nested = 0
        for event in yaml.parse(text, Loader=_Loader):
            nested += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if nested > MOST_NESTED:
                raise YamlError(f"nested more than {MOST_NESTED} deep; no setting is")
            for extra, problem in NOT_TAKEN.items():
                if getattr(event, extra, None) is not None:
                    raise YamlError(_at(event.start_mark, text, problem))
        return _Loader(text).get_single_data()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"line {line}: the character U+{error.character:04X}, which YAML does not take") from error
    except yaml.MarkedYAMLError as error:
        raise YamlError(_in_words(error, text)) from error


def dump_yaml(data: Any) -> str:
    """Writes plain data so that either version of YAML reads it back."""
    # Escaped beyond ASCII: PyYAML writes some line separators (U+0085) raw, and reads them back as spaces.
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=120)


def shown(value: Any) -> str:
    """A value in a message: text as it stands in quotes, anything else as YAML has it."""
    if isinstance(value, str):
        return repr(value)
    written = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=float("inf"))
    return written.removesuffix("...\n").strip().replace(": null", "")


def not_text(value: Any, how: str) -> str:
    """Says what YAML reads where text should be, and how to write it as text.

    Args:
        value: what was read.
        how: how the value would be written, with {} for the value.
    """
    if value is None:
        return "expected text, found nothing (null)"
    if isinstance(value, list):
        return f"expected one text, found the list {shown(value):.80}"
    kind = "a boolean" if isinstance(value, bool) else "a mapping" if isinstance(value, dict) else "a number"
    text = f"{shown(value):.80}"
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
        return _at(error.problem_mark, text, f"a text that has braces goes in quotes: '{braces[0]}'")
    words = next(match.expand(words) for pattern, words in WORDS if (match := re.search(pattern, said)))
    return _at(error.problem_mark, text, words)


def _line(mark: Any, text: str) -> str:
    return next(iter(text.splitlines()[mark.line : mark.line + 1]), "").strip()


def _at(mark: Any, text: str, problem: str | None) -> str:
    """A problem after its place: the column, and of several lines the line as it stands."""
    place = f"column {mark.column + 1}"
    if len(text.splitlines()) > 1:
        place = f"line {mark.line + 1}, {place}, {_line(mark, text)!r:.80}"
    return f"{place}: {problem}"
