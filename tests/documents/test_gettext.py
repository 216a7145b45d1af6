"""Catalogues: which messages are translated, and what of them stays."""

import polib
import pytest

from tests.documents.scripted import Scripted, scripted, unchanged
from translator.documents.gettext import Catalogue
from translator.documents.pieces import DocumentError

HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: {}\\n"\n\n'
GERMAN = "nplurals=2; plural=(n != 1);"


def catalogue(entries: str, plurals: str = GERMAN) -> str:
    return "# title\n" + HEADER.format(plurals) + entries


def shouted(entries: str, plurals: str = GERMAN) -> str:
    found = scripted(Catalogue(catalogue(entries, plurals)), Scripted(rename=str.upper, order=range))
    head = catalogue("", plurals)
    assert found.startswith(head)
    return found.removeprefix(head)


def test_messages_without_a_translation_get_one_and_the_others_stay():
    entries = (
        '#: a.c:1\nmsgctxt "menu"\nmsgid "a b"\nmsgstr "{}"\n\n'
        '# c\nmsgid "d"\nmsgstr "e"\n\n#~ msgid "f"\n#~ msgstr ""\n'
    )
    assert shouted(entries.format("")) == entries.format("A B")


def test_a_fuzzy_message_is_translated_anew_and_no_longer_fuzzy():
    assert (
        shouted('#, fuzzy, c-format\n#| msgid "old"\nmsgid "a"\nmsgstr "b"\n') == '#, c-format\nmsgid "a"\nmsgstr "A"\n'
    )


@pytest.mark.parametrize(
    ("plurals", "expected"),
    [
        (GERMAN, ["ONE", "%d MANY"]),
        ("nplurals=1; plural=0;", ["%d MANY"]),
        ("nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 ? 1 : 2);", ["ONE", "%d MANY", "%d MANY"]),
        ("nplurals=2; plural=(n == 1);", ["%d MANY", "ONE"]),
        ("nonsense", ["ONE", "%d MANY"]),
    ],
)
def test_plural_forms_are_those_of_the_header(plurals, expected):
    found = shouted('msgid "one"\nmsgid_plural "%d many"\nmsgstr[0] ""\n', plurals)
    forms = "".join(f'msgstr[{i}] "{form}"\n' for i, form in enumerate(expected))
    assert found == f'msgid "one"\nmsgid_plural "%d many"\n{forms}'


@pytest.mark.parametrize(
    "kept",
    [
        "%s",
        "%d",
        "%1$s",
        "%(name)s",
        "%-5.2f",
        "%lu",
        "%1",
        "%L1",
        "{}",
        "{0}",
        "{name!r:>10}",
        "${name}",
        "&amp;",
        "%%",
        "%.*f",
    ],
)
def test_what_a_program_fills_in_is_kept(kept):
    assert shouted(f'msgid "a {kept} b"\nmsgstr ""\n') == f'msgid "a {kept} b"\nmsgstr "A {kept} B"\n'


def test_tags_and_line_ends_are_kept():
    entry = 'msgid ""\n"<b>a</b> c\\n"\n"d\\n"\nmsgstr ""\n'
    assert '"<b>A</b> C\\n"\n"D\\n"\n' in shouted(entry)


def test_with_sentences_given_back_a_catalogue_is_its_canonical_form_and_a_second_time_changes_nothing():
    text = catalogue(
        'msgid "a"\nmsgstr   "b"\n\nmsgid "A %s.\\nB <b>c</b> d."\nmsgstr ""\n\n#, fuzzy\nmsgid "e"\nmsgstr "x"\n'
    )
    expected = polib.pofile(text)
    for entry in expected:
        if not entry.translated():
            entry.msgstr, entry.flags = entry.msgid, []
    once = unchanged(Catalogue(text))
    assert once == str(expected)
    assert scripted(Catalogue(once)) == once


def test_what_is_no_catalogue_is_an_error_with_its_line():
    with pytest.raises(DocumentError, match="line 2: this is not the syntax"):
        Catalogue('msgid "a"\nmsgst "b"\n')


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (['msgid "one"', 'msgstr ""', "", 'msgid "two', 'msgstr ""'], 4),
        (['msgid "one\\"', 'msgstr ""'], 1),
        (["msgid one", 'msgstr ""'], 1),
        (['msgid ""', '"one', 'msgstr ""'], 2),
        (['msgid "one"', 'msgid_plural "many"', 'msgstr[0] "'], 3),
        (['msgid "one"', 'msgstr ""', '#~ msgid "two', '#~ msgstr ""'], 3),
    ],
)
def test_a_string_without_its_end_is_an_error_with_its_line(lines, number):
    with pytest.raises(DocumentError) as caught:
        Catalogue("\n".join(lines))
    assert str(caught.value) == f'line {number}: the string is not closed; it has " at both ends'


def test_strings_and_comments_with_quotes_are_read():
    entry = '# "a\n#. msgid "b\nmsgid "say \\"d\\" \\\\"\nmsgstr "{}"\n'
    assert unchanged(Catalogue(catalogue(entry.format("")))) == catalogue(entry.format('say \\"d\\" \\\\'))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_are_kept(line_end):
    text = catalogue('msgid "a\\n"\n"b"\nmsgstr ""\n')
    assert unchanged(Catalogue(text.replace("\n", line_end))) == unchanged(Catalogue(text)).replace("\n", line_end)
