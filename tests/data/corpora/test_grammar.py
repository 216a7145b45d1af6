from itertools import islice

from tests.corpora import error_of, pairs_of
from translator import grammar


def test_the_grammar_goes_either_way() -> None:
    train = {"grammar": "test", "pairs": 5}
    expected = list(islice(grammar.sentence_pairs("test"), 5))
    assert list(pairs_of(train)) == expected
    assert list(pairs_of(train, source="de", target="en")) == [(german, english) for english, german in expected]


def test_the_grammar_knows_no_other_language() -> None:
    message = error_of(pairs_of({"grammar": "test", "pairs": 5}, source="en", target="fr"))
    assert message.startswith("data.train.grammar: the built-in grammar writes English and German")
    assert message.endswith("found en and fr")
