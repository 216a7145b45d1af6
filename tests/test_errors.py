from translator.errors import MOST_CHARACTERS, TranslatorError


def test_a_message_is_one_line_whatever_stands_in_it():
    assert str(TranslatorError("a\nb \x1b[2J \ud800 \u2028 ü 日本 \\n")) == "a\\nb \\x1b[2J \\ud800 \\u2028 ü 日本 \\n"


def test_several_problems_are_a_line_each():
    assert str(TranslatorError("one\n", "two")) == "one\\n\ntwo"


def test_the_middle_of_a_long_line_is_left_out():
    assert str(TranslatorError("a" * MOST_CHARACTERS)) == "a" * MOST_CHARACTERS
    half = MOST_CHARACTERS // 2
    assert str(TranslatorError("a" * half + "x" * 9 + "b" * half)) == "a" * half + " … " + "b" * half
