"""`translator.decoding.pieces` and `joining` inside a graph, over many sentences at once.

Letters: N sentences, T tokens of all of them, L sentences that are still too long, P pieces, M tokens a piece at most.
"""

import functools
import itertools
import sys
from collections.abc import Iterable

import tensorflow as tf

from translator.decoding.joining import AT_END, AT_START
from translator.decoding.pieces import MOST_ABBREVIATED, Cutter, End, Place, Start, is_spaceless


def cut(ids: tf.RaggedTensor, cutter: Cutter, most: int) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Cuts sentences as `Cutter.cut` does.

    Args:
        ids: int32 [N, (tokens)].
        cutter: of the vocabulary.
        most: M.

    Returns:
        The pieces, int32 [P, (tokens)], and which sentence each one is from, int32 [P].
    """
    splits = tf.cast(ids.row_splits, tf.int32)
    sentence = tf.cast(ids.value_rowids(), tf.int32)  # int32 [T]
    begin, end = splits[:-1], splits[1:]
    is_first = tf.range(tf.size(sentence)) == tf.gather(begin, sentence)  # bool [T]
    places = _places_before(ids.flat_values, is_first, cutter)

    def cut_once(begin: tf.Tensor, end: tf.Tensor, is_first: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Cuts a piece off each of the sentences [L] that are longer; what is left begins where the piece ends."""
        long = end - begin > most
        begin, end = tf.boolean_mask(begin, long), tf.boolean_mask(end, long)
        begin += _best_sizes(places, begin, end, most)
        return begin, end, tf.tensor_scatter_nd_update(is_first, begin[:, None], tf.ones_like(begin, tf.bool))

    *_, is_first = tf.while_loop(
        lambda begin, end, _: tf.reduce_any(end - begin > most),
        cut_once,
        (begin, end, is_first),
        shape_invariants=(tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([None])),
    )
    lengths = tf.math.bincount(tf.cumsum(tf.cast(is_first, tf.int32)) - 1)
    return tf.RaggedTensor.from_row_lengths(ids.flat_values, lengths), tf.boolean_mask(sentence, is_first)


def with_gaps(texts: tf.Tensor, sentence: tf.Tensor) -> tf.Tensor:
    """Translations of pieces, each with the `joining.gap` before it: string [P], int32 [P] -> string [P].

    Args:
        texts: none is empty.
        sentence: which sentence each is of, in their order.
    """
    at_end, at_start = (_characters(map(ord, characters)) for characters in (AT_END, AT_START))
    ends = tf.strings.regex_full_match(texts, f"(?s).*{_spaceless()}{at_end}*")
    begins = tf.strings.regex_full_match(texts, f"(?s){at_start}*{_spaceless()}.*")
    spaced = (sentence[1:] == sentence[:-1]) & ~(ends[:-1] | begins[1:])
    gaps = tf.concat([tf.zeros_like(texts[:1]), tf.where(spaced, " ", "")], 0)
    return tf.strings.join([gaps, texts])


@functools.cache
def _spaceless() -> str:
    """The characters that `is_spaceless`, as RE2 has them."""
    return _characters(code for code in range(sys.maxunicode + 1) if is_spaceless(chr(code)))


def _characters(codes: Iterable[int]) -> str:
    """One of these characters, as RE2 has it: ranges of them."""
    runs = itertools.groupby(enumerate(sorted(codes)), lambda each: each[1] - each[0])
    ranges = [[code for _, code in run] for _, run in runs]
    return "[" + "".join(rf"\x{{{run[0]:x}}}-\x{{{run[-1]:x}}}" for run in ranges) + "]"


def _best_sizes(places: tf.Tensor, begin: tf.Tensor, end: tf.Tensor, most: int) -> tf.Tensor:
    """How long the next piece of each sentence is.

    Args:
        places: int32 [T].
        begin: int32 [L], the index of the first token that is left of the sentence.
        end: int32 [L], that past its last one; more than `most` are left.
        most: M.

    Returns:
        int32 [L].
    """
    sizes, rest = tf.range(most, 0, -1), (end - begin)[:, None]  # int32 [M], int32 [L, 1]
    place = tf.gather(places, begin[:, None] + sizes)  # int32 [L, M]
    roomy = (sizes >= most // 4) & (rest - sizes >= most // 4)
    worth = tf.where(roomy | (place == Place.SENTENCE), place, tf.minimum(place, Place.BETWEEN_CHARACTERS))
    even = -(-rest // -(-rest // most))
    return tf.gather(sizes, tf.argmax(worth * most - tf.abs(sizes - even), 1))


def _places_before(ids: tf.Tensor, is_first: tf.Tensor, cutter: Cutter) -> tf.Tensor:
    """`Cutter.places_before` of all sentences: int32 [T], with whether it is its sentence's first -> int32 [T]."""
    index = tf.range(tf.size(ids))

    def last(here: tf.Tensor) -> tf.Tensor:
        here |= is_first
        return tf.gather(tf.boolean_mask(index, here), tf.cumsum(tf.cast(here, tf.int32)) - 1)

    start, end, counts = (tf.gather(table, ids) for table in (cutter.start, cutter.end, cutter.counts))
    end = tf.gather(end, last(end & End.CLOSING == 0)) | end & End.OPENING
    total = tf.cumsum(counts)
    of_word = total - tf.gather(total - counts, last(start >= Start.WORD))
    letters, vowels, periods = tf.unstack(of_word, axis=1)
    short = (letters > 0) & (letters <= MOST_ABBREVIATED) & ((vowels == 0) | (periods >= letters))
    end = tf.where(short & (end & End.PERIOD > 0), End.PERIOD, end)
    return tf.gather_nd(cutter.places, tf.stack([tf.roll(end, 1, 0), start], 1))
