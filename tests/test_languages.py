"""Codes of languages, whichever form they are written in."""

import pytest

from translator.languages import english_name, is_chinese, primary, script, writes_no_spaces


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("de", "de"), ("deu", "de"), ("ger", "de"), ("deu_Latn", "de"), ("pt-BR", "pt"), ("zh_TW", "zh"), ("jpn", "ja"),
        ("zho_Hans", "zh"), ("cmn", "zh"), ("KOR-KR", "ko"), ("yue", "yue"), ("xx", "xx"), ("", ""), ("kr", "kr"),
        ("zht", "zh"), ("zhs", "zh"), ("Japanese", "ja"), ("thai", "th"), ("Haitian Creole", "ht"),
        ("chinese_simplified", "zh"),
    ],
)  # fmt: skip
def test_a_code_leads_to_its_language(code: str, expected: str):
    assert primary(code) == expected


@pytest.mark.parametrize(
    ("code", "named"),
    [("zho_Hans", "hans"), ("cmn-Hans-CN", "hans"), ("zh-TW", ""), ("de-1996", ""), ("sr-Cyrl", "cyrl"), ("thai", "")],
)
def test_the_script_is_the_subtag_of_four_letters(code: str, named: str):
    assert script(code) == named


@pytest.mark.parametrize(
    "code",
    [
        "zh", "zho", "chi", "cmn", "zh-Hant", "zho_Hans", "cmn-Hans-CN", "yue", "yue_Hant", "lzh", "zht", "zhs",
        "Chinese", "ja", "jpn", "ja-JP", "jp", "jpn_Jpan", "Japanese", "ryu_Jpan", "th", "tha", "thai", "nod_Thai",
        "tts_Thai", "lo", "lao", "km", "khm", "my", "mya", "bur", "shn", "shn_Mymr", "bo", "bod", "tib", "dz", "dzo",
        "za_Hani", "vi-Hani",
    ],
)  # fmt: skip
def test_these_write_no_spaces(code: str):
    assert writes_no_spaces(code)


@pytest.mark.parametrize(
    "code",
    [
        "ko", "kor", "kor_Hang", "vi", "de", "en", "nan_Latn", "zh-Latn-pinyin", "ja_Latn", "za", "dng_Cyrl", "xx", "",
        "-",
    ],
)  # fmt: skip
def test_these_write_spaces(code: str):
    assert not writes_no_spaces(code)


def test_of_those_without_spaces_only_chinese_is_chinese():
    codes = ("zh-TW", "yue", "hak", "cmn", "jpn", "th", "nan_Latn", "za_Hani")
    assert list(filter(is_chinese, codes)) == ["zh-TW", "yue", "hak", "cmn"]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("de", "German"), ("deu", "German"), ("pt-BR", "Portuguese (BR)"), ("zho_Hant", "Chinese (Hant)"),
        ("xx", "xx"), ("thai", "Thai"),
    ],
)  # fmt: skip
def test_languages_have_english_names(code: str, name: str):
    assert english_name(code) == name
