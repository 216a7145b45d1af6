"""Subwords that other text needs, for a vocabulary that keeps all it has.

New subwords are characters that the vocabulary lacks, and then merges of two subwords that stand side by side in a
word, the most frequent first: byte-pair encoding (Sennrich et al., 2016) that goes on from the segmentation that there
is. What holds of text that was segmented before:

- A sentence that contains no new subword's characters in a row is segmented as before.
- Under byte-pair encoding every other sentence has the subwords that it had, some of them merged: new merges come
  after all old ones.
- Under a unigram model a new subword stands where it is more probable than what it is made of, and what is beside it
  may be segmented otherwise.
"""

import heapq
import itertools
import math
import random
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from translator.config.tokenizer import TokenizerConfig
from translator.data.learning import reservoir
from translator.data.rewriting import without
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.vocabulary import WORD_START

MOST_CHARACTERS = 16  # of a subword, as SentencePiece has it
LEAST_COUNT = 2  # of a merge: what stands once in a corpus is not learned from it
# Merges are learned from words of so many subwords: of text without spaces, where sentences are words, some ten
# thousand sentences. More would change little, and take a time that grows with their number.
MERGED_SUBWORDS = 1_000_000
GAIN = 0.1  # nats by which a new subword is more probable than its two parts together, at the least

Words = Mapping[tuple[str, ...], int]  # how often each occurs, by its subwords


class Merge(NamedTuple):
    """Two subwords that become one."""

    left: str
    right: str
    places: int  # where they stood side by side


def extended(
    tokenizers: Sequence[Tokenizer], texts: Iterable[tuple[str, int]], config: TokenizerConfig
) -> list[Tokenizer]:
    """Tokenizers with up to `config.extend_by` subwords more, the same in all of them.

    Args:
        tokenizers: with the same subwords, each with a normalization of its own.
        texts: sentences, each with the index of its tokenizer.
        config: `training_sentences` and `seed` decide which sentences the subwords are learned from.

    Raises:
        TokenizerError: their model is neither unigram nor bpe.
    """
    kind, number = tokenizers[0].kind, config.extend_by
    if kind not in ("unigram", "bpe"):
        raise TokenizerError(f"tokenizer.extend_by needs a unigram or BPE model; this vocabulary is a {kind} model")
    symbols = [*tokenizers[0].symbols, *config.user_defined_symbols]
    apart = ((without(symbols, text), side) for text, side in texts)  # a symbol's letters need no subwords
    sample = reservoir(apart, config.training_sentences, random.Random(config.seed))
    characters = missing_characters(tokenizers, sample)[:number]
    total = sum(len(text) for text, _ in sample)
    least, most = _range_of_scores(tokenizers[0])
    new = {
        character: min(max(math.log(count / total), least), most) if kind == "unigram" else least - 1 - place
        for place, (character, count) in enumerate(characters)
    }
    tokenizers = [tokenizer.with_subwords(new) for tokenizer in tokenizers]
    words = most_frequent(count_words(tokenizers, sample), MERGED_SUBWORDS)
    merges = learn_merges(words, number - len(new), set(_subwords(tokenizers[0])))
    scores = _scores_of(merges, tokenizers[0], sum(len(word) * count for word, count in words.items()))
    return [tokenizer.with_subwords(scores) for tokenizer in tokenizers]


def missing_characters(tokenizers: Sequence[Tokenizer], sample: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """The characters of normalized text that are not subwords, with how often they occur, the most frequent first."""
    counts = Counter(character for text, side in sample for character in tokenizers[side].normalize(text))
    known = _subwords(tokenizers[0])
    missing = [(character, count) for character, count in counts.items() if character not in known]
    return sorted(missing, key=lambda item: (-item[1], item[0]))


def count_words(tokenizers: Sequence[Tokenizer], sample: Sequence[tuple[str, int]]) -> Words:
    """The words of sentences by their subwords; unknown characters and bytes stand between words, as spaces do."""
    counts: Counter[tuple[str, ...]] = Counter()
    for side, tokenizer in enumerate(tokenizers):
        for ids in tokenizer.encode([text for text, of in sample if of == side]):
            word: list[str] = []
            for spelled in (tokenizer.spelled([id_]) for id_ in ids):
                if spelled is None or spelled.startswith(WORD_START):
                    counts[tuple(word)] += 1
                    word = []
                word += [] if spelled is None else [spelled]
            counts[tuple(word)] += 1
    del counts[()]
    return counts


def most_frequent(words: Words, most: int) -> Words:
    """The most frequent words, and the earlier of equal ones, that have so many subwords together at most."""
    kept: dict[tuple[str, ...], int] = {}
    for word, count in sorted(words.items(), key=lambda item: -item[1]):
        most -= len(word)
        if most < 0:
            break
        kept[word] = count
    return kept


def learn_merges(words: Words, number: int, known: set[str]) -> list[Merge]:
    """The most frequent merges, one after the other, each of what those before it have left.

    Args:
        words: how often each occurs, by its subwords.
        number: how many merges to learn at most.
        known: subwords that no merge makes anew; merging two of them into another is for the model to do.
    """
    segmented, counts = [list(word) for word in words], list(words.values())
    pairs: Counter[tuple[str, str]] = Counter()
    places: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for place, word in enumerate(segmented):
        for pair in itertools.pairwise(word):
            pairs[pair] += counts[place]
            places[pair].add(place)
    made, merges = set(known), list[Merge]()
    queue = [(-count, pair) for pair, count in pairs.items() if _can_merge(pair)]
    heapq.heapify(queue)
    while queue and len(merges) < number:
        negative, pair = heapq.heappop(queue)
        if "".join(pair) in made or -negative != pairs[pair]:
            continue  # its count has changed since, and it is in the queue with the new one, if that is large enough
        if -negative < LEAST_COUNT:
            break
        merges.append(Merge(*pair, -negative))
        made.add("".join(pair))
        changed: set[tuple[str, str]] = set()
        for place in places.pop(pair):
            before, after = segmented[place], _merged(segmented[place], pair)
            for each, sign in ((before, -1), (after, 1)):
                for other in itertools.pairwise(each):
                    pairs[other] += sign * counts[place]
                    changed.add(other)
            for other in itertools.pairwise(after):
                places[other].add(place)
            segmented[place] = after
        for other in changed:
            if pairs[other] > 0 and _can_merge(other):
                heapq.heappush(queue, (-pairs[other], other))
    return merges


def _scores_of(merges: Iterable[Merge], tokenizer: Tokenizer, total: int) -> dict[str, float]:
    """Scores of new subwords, given the number of subwords in the text that they were learned from.

    Those of byte-pair encoding are below all others, so that no old merge is preempted. Those of a unigram model are in
    the range of the others, because the score of unknown characters is relative to the lowest.
    """
    least, most = _range_of_scores(tokenizer)
    scores = {text: tokenizer.score(id_) for text, id_ in _subwords(tokenizer).items()}
    new: dict[str, float] = {}
    for number, (left, right, places) in enumerate(merges):
        if tokenizer.kind == "bpe":
            score = least - 1 - number
        else:
            score = min(max(math.log(places / total), scores[left] + scores[right] + GAIN, least), most)
        new[left + right] = scores[left + right] = score
    return new


def _range_of_scores(tokenizer: Tokenizer) -> tuple[float, float]:
    scores = [tokenizer.score(id_) for id_ in _subwords(tokenizer).values()]
    return min(scores), max(scores)


def _subwords(tokenizer: Tokenizer) -> dict[str, int]:
    """Ids of the subwords that stand for characters."""
    spelled = ((tokenizer.spelled([id_]), id_) for id_ in range(tokenizer.vocabulary_size))
    return {text: id_ for text, id_ in spelled if text is not None}


def _can_merge(pair: tuple[str, str]) -> bool:
    """Whether both are letters with their marks; digits and punctuation stay by themselves."""
    text = "".join(pair).removeprefix(WORD_START)
    return len(text) < MOST_CHARACTERS and all(unicodedata.category(character)[0] in "LM" for character in text)


def _merged(word: Sequence[str], pair: tuple[str, str]) -> list[str]:
    """A word with a pair of its subwords made one, wherever they stand side by side."""
    merged: list[str] = []
    for subword in word:
        if merged and (merged[-1], subword) == pair:
            merged[-1] += subword
        else:
            merged.append(subword)
    return merged
