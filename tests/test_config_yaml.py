"""What is read is what YAML 1.2 says; what is not taken is told with its place, and the way to write it."""

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from translator.config.yaml_text import YamlError, dump_yaml, not_text, parse_yaml, shown


def problem(text: str) -> str:
    with pytest.raises(YamlError) as caught:
        parse_yaml(text)
    return str(caught.value)


# Scalars


@pytest.mark.parametrize("text", ["no", "yes", "on", "off", "No", "YES", "Off", "y", "n", "Y", "N", "none", "None"])
def test_a_word_is_text_whatever_yaml_1_1_made_of_it(text: str):
    assert parse_yaml(f"target: {text}") == {"target": text}
    assert parse_yaml(f"{text}: 1") == {text: 1}


@pytest.mark.parametrize(
    "text", ["2024-01-01", "2001-12-14t21:59:43.10-05:00", "12:30:00", "1:30.5", "1_000", "0b101", "=", "<<", "1e", "."]
)
def test_what_is_no_number_in_yaml_1_2_is_text(text: str):
    assert parse_yaml(text) == text


# The examples of YAML 1.2.2, §10.3.2, and those of other habits.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(text, None) for text in ("null", "Null", "NULL", "~", "")],
        *[(text, True) for text in ("true", "True", "TRUE")],
        *[(text, False) for text in ("false", "False", "FALSE")],
        *[("0", 0), ("0o7", 7), ("0x3A", 58), ("-19", -19), ("+12", 12), ("010", 10), ("-007", -7)],
        *[("0.", 0.0), ("-0.0", 0.0), (".5", 0.5), ("+12e03", 12_000.0), ("-2E+05", -200_000.0)],
        *[("1e-4", 0.0001), ("1e5", 100_000.0), ("3.e2", 300.0)],
        *[(".inf", math.inf), ("-.Inf", -math.inf), ("+.INF", math.inf)],
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: Any):
    found = parse_yaml(text)
    assert (found, type(found)) == (value, type(value))


def test_not_a_number_is_one():
    assert math.isnan(parse_yaml(".NAN"))


@pytest.mark.parametrize("text", [str(2**63), str(-(2**63)), "9" * 5000, "0x" + "f" * 5000])
def test_a_whole_number_has_64_bits(text: str):
    assert problem(text) == "column 1: an integer of more than 64 bits"
    assert parse_yaml(str(2**63 - 1)) == 2**63 - 1


SCALARS = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False)
# What one version or the other would read as something else, foremost.
LOOKALIKES = st.sampled_from(
    ["no", "1e-4", "5e3", "0o7", "010", "1_0", "12:30", "2024-01-01", "~", "", "=", "<<", ".nan"]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | LOOKALIKES


@given(st.recursive(SCALARS | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=5))
def test_what_is_written_reads_the_same_in_either_version_of_yaml(value: Any):
    written = dump_yaml(value)
    assert parse_yaml(written) == value
    assert yaml.safe_load(written) == value


# What is not taken


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{files: t.{lang}, weight: 2}", "column 11: put a text with braces in quotes: 't.{lang}'"),
        ("[a.{lang}.gz, b]", "column 4: put a text with braces in quotes: 'a.{lang}.gz'"),
        ("{files: {lang}/a, weight: 2}", "column 15: put a text with braces in quotes: '{lang}/a'"),
        ("{lang}.txt", "column 7: put a text with braces in quotes: '{lang}.txt'"),
        ("@a", "column 1: put a text that starts with @ in quotes"),
        ("`a", "column 1: put a text that starts with ` in quotes"),
        ("*.txt", "column 2: put a text that starts with *, &, |, > or ! in quotes"),
        (">a", "column 2: put a text that starts with *, &, |, > or ! in quotes"),
        ("%a", "column 3: unexpected characters; put a text with brackets, braces, quotes, colons or % in quotes"),
        ("'a' b", "column 5: unexpected characters; put a text with brackets, braces, quotes, colons or % in quotes"),
        ("'a", "column 1: this quote is not closed"),
        ('x: "a', "column 4: this quote is not closed"),
        ("x: [a, b", "column 4: this bracket or brace is not closed"),
        ("{tsv:", "column 6: this bracket or brace is not closed"),
        (
            'x: "C:\\data"',
            "column 8: a backslash in double quotes starts an escape sequence; put the text in single quotes",
        ),
        ("a: b: c", "column 5: a colon where no key is allowed; "),
        ("a: t.{lang}: c", "column 12: a colon where no key is allowed; "),
        ("x: - a", "column 4: start a list on a line of its own"),
        ("{a: [1]}: 2", "column 1: a list or a mapping as a key"),
        ("!!str no", "column 1: YAML tags (!name) are not supported; put a text that starts with ! in quotes"),
        ("!a", "column 1: YAML tags (!name) are not supported"),
        ("&a b", "column 1: YAML anchors (&name) and aliases (*name) are not supported"),
        ("x: *a", "column 4: YAML anchors (&name) and aliases (*name) are not supported"),
        ("x:\n\ty: 1", "line 2, column 1, 'y: 1': a tab; YAML indents with spaces"),
        (
            "x:\n  a:1\n  b: 2",
            "line 3, column 4, 'b: 2': a colon where no key is allowed; write a space after the colon",
        ),
        ("x:\n    a: 1\n  b: 2", "line 3, column 3, 'b: 2': this line does not match those above"),
        ("x: y\n- z", "line 2, column 1, '- z': this line does not match those above"),
        ("a: 1\nb\nc: 2", "line 2, column 1, 'b': a key without its colon, as in `key: value`"),
        ("a: {b\n  c", "line 1, column 4, 'a: {b': this bracket or brace is not closed"),
        ("a: 1\n---\nb: 2", "line 2, column 1, '---': a second document after ---"),
        ("a: 1\nb: \0", "line 2: the character U+0000, which YAML does not allow"),
        ("{a: 1, a: 2}", "column 8: duplicate key a"),
    ],
)
def test_what_is_not_taken_is_told_with_its_place_and_the_way_to_write_it(text: str, message: str):
    assert problem(text).startswith(message)


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text(":-[]{}!&*'\"\n\t #,?|>@`%=~x1.e", max_size=30))
def test_no_message_is_in_the_words_of_a_parser(text: str):
    said = ""
    try:
        parse_yaml(text)
    except YamlError as error:
        said = str(error)
    assert not any(word in said for word in ("while ", "<block", "<stream", "token", "scalar", "unicode"))


# Values in messages


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (5, "5"), (0.5, "0.5"), ("a", "'a'"), ([1, "a"], "[1, a]"),
        ({"a": False}, "{a: false}"), ({"lang": None}, "{lang}"), (["x" * 200, 1], f"[{'x' * 200}, 1]"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_yaml_has_it(value: Any, text: str):
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "expected text, found nothing (null)"),
        (["a", "b"], "expected one text, found the list [a, b]"),
        (True, "expected text, and YAML reads true as a boolean; put it in quotes, as in tsv: 'true'"),
        (2024, "expected text, and YAML reads 2024 as a number; put it in quotes, as in tsv: '2024'"),
        ({"lang": None}, "expected text, and YAML reads {lang} as a mapping; put it in quotes, as in tsv: '{lang}'"),
    ],
)
def test_what_is_no_text_is_told_with_what_yaml_reads_and_how_to_write_it(value: Any, message: str):
    assert not_text(value, "tsv: {}") == message
