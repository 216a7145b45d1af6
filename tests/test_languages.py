"""Codes of languages, whichever form they are written in."""

import pytest

from translator.languages import english_name, is_chinese, primary, writes_no_spaces


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("de", "de"), ("deu", "de"), ("ger", "de"), ("deu_Latn", "de"), ("pt-BR", "pt"), ("zh_TW", "zh"), ("jpn", "ja"),
        ("zho_Hans", "zh"), ("cmn", "zh"), ("KOR-KR", "ko"), ("yue", "yue"), ("xx", "xx"), ("", ""), ("kr", "kr"),
    ],
)  # fmt: skip
def test_a_code_leads_to_its_language(code: str, expected: str):
    assert primary(code) == expected


@pytest.mark.parametrize(
    "code",
    [
        *(
            "zh",
            "zho",
            "chi",
            "cmn",
            "zh-Hant",
            "zho_Hans",
            "cmn-Hans-CN",
            "yue",
            "yue_Hant",
            "lzh",
            "ja",
            "jpn",
            "ja-JP",
        ),
        *("th", "tha", "tha_Thai", "lo", "lao", "km", "khm", "my", "mya", "bur", "bo", "bod", "tib", "dz", "dzo", "jp"),
    ],
)
def test_these_write_no_spaces(code: str):
    assert writes_no_spaces(code)


@pytest.mark.parametrize(
    "code", ["ko", "kor", "kor_Hang", "vi", "de", "en", "nan_Latn", "zh-Latn-pinyin", "xx", "", "-"]
)
def test_these_write_spaces(code: str):
    assert not writes_no_spaces(code)


def test_of_those_without_spaces_only_chinese_is_chinese():
    assert [code for code in ("zh-TW", "yue", "hak", "cmn", "jpn", "th", "nan_Latn") if is_chinese(code)] == [
        "zh-TW", "yue", "hak", "cmn",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "name"),
    [("de", "German"), ("deu", "German"), ("pt-BR", "Portuguese (BR)"), ("zho_Hant", "Chinese (Hant)"), ("xx", "xx")],
)
def test_languages_have_english_names(code: str, name: str):
    assert english_name(code) == name
