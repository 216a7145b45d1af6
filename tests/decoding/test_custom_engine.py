"""An engine that the package does not have: what `Translator` needs to translate with it."""

from collections.abc import Sequence

from tests.tokenizers import tokenizer_of
from translator.config.tokenizer import TokenizerConfig
from translator.data.tokenizer import Tokenizer
from translator.decoding.options import Hypothesis, SearchOptions
from translator.decoding.translator import Translator

DICTIONARY = {"one": "eins", "two": "zwei", "three": "drei", "red": "rote", "dogs": "Hunde"}


class DictionaryEngine:
    """Translates word by word; its second hypothesis leaves the last word out."""

    def __init__(self, source: Tokenizer, target: Tokenizer) -> None:
        self.source, self.target = source, target

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        sentences = self.source.decode(sources)
        return [self.hypotheses(sentence.split())[: options.beam_size] for sentence in sentences]

    def hypotheses(self, words: list[str]) -> list[Hypothesis]:
        known = [DICTIONARY[word] for word in words]
        encoded = self.target.encode([" ".join(known), " ".join(known[:-1])])
        return [Hypothesis(tuple(ids), score=-missing, log_prob=-missing) for missing, ids in enumerate(encoded)]


def test_a_translator_translates_with_an_engine_of_ones_own():
    config = TokenizerConfig(vocabulary_size=28, kind="bpe")
    source, target = tokenizer_of(DICTIONARY, config), tokenizer_of(DICTIONARY.values(), config)
    options = SearchOptions(beam_size=2, length_penalty=0.0, max_length_factor=1.0, max_length_margin=1)
    translator = Translator((source, target), DictionaryEngine(source, target), options, 50, batch_sentences=2)
    lines = ["two red dogs", "", "one", "three dogs"]
    assert translator.translate_text(lines) == ["zwei rote Hunde", "", "eins", "drei Hunde"]
    found = translator.translate(lines)[0]
    assert [(text.text, text.score) for text in found.hypotheses] == [("zwei rote Hunde", 0.0), ("zwei rote", -1.0)]
