"""Markup put into a translation, by the words that it encloses or stands between.

Every piece comes out once, and nested as it was. Markup encloses those words in a row that hold the most of the
translation of its words and the least of others'; beside it, what is enclosed by other markup stays outside. Where its
words have no translation, it encloses the word that stands there; where there is none, it is empty.
"""

import itertools
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from translator.data.alignment import Alignment
from translator.documents.pieces import Piece
from translator.documents.runs import OTHER, runs_of
from translator.documents.sentences import gap
from translator.documents.units import Node, Span, Unit, occurrences
from translator.documents.words import Link, Words, linked, moved
from translator.documents.writer import Writer
from translator.languages import LanguagePair


class Sentence(NamedTuple):
    """A sentence translated.

    Attributes:
        text: the translation.
        alignment: None where none is needed (`Unit.needs_alignment`).
    """

    text: str
    alignment: Alignment | None = None


def placed(unit: Unit, sentences: Sequence[Sentence], languages: LanguagePair) -> list[Piece]:
    """The pieces of a unit's translation.

    Args:
        unit: a unit.
        sentences: as many as it has.
        languages: of both.
    """
    return _Placing(unit, sentences, languages).pieces()


class _Placing:
    """The markup of one unit on its way into the translation.

    Attributes:
        text: the translation, plain.
        sentences: where the translations of the sentences are.
        places: where each node is.
    """

    def __init__(self, unit: Unit, sentences: Sequence[Sentence], languages: LanguagePair) -> None:
        self.unit = unit
        parts: list[str] = []
        self.sentences: list[Span] = []
        at = last = 0
        for number, ((start, end), sentence) in enumerate(zip(unit.sentences, sentences, strict=True)):
            between = unit.text[last:start]
            is_plain = number and not any(place in unit.spaces for place in range(last, start))
            before = "".join(parts[-1:])
            parts += [gap(between, languages, before, sentence.text) if is_plain else between, sentence.text]
            at += len(parts[-2])
            self.sentences.append((at, at + len(sentence.text)))
            at, last = self.sentences[-1][1], end
        self.text = "".join([*parts, unit.text[last:]])
        self.gaps = list(
            zip(_between(unit.sentences, len(unit.text)), _between(self.sentences, len(self.text)), strict=True)
        )
        self.places: dict[Node, Span] = {unit.root: (0, len(self.text))}
        self.repeated: list[Span] = []
        if unit.root.children:
            self.words = self._words(sentences)
            self._place()

    def pieces(self) -> list[Piece]:
        """The translation with its markup."""
        instead: dict[int, tuple[int, Piece]] = {at: (1, piece) for at, piece in self._spaces().items()}
        for start, end in self.repeated:  # and the space before each
            instead[start] = (end - start, "")
            if self.text[max(start - 1, 0)] == " ":
                instead.setdefault(start - 1, (1, ""))
        out = Writer(self.text, instead)
        self._write(out)
        return out.pieces

    def _write(self, out: Writer) -> None:
        """Writes all nodes, from the outside in, and the text between them."""
        at = 0
        waiting: list[Node | tuple[int, Sequence[Piece]]] = [self.unit.root]
        while waiting:
            node = waiting.pop()
            if not isinstance(node, Node):
                end, last = node
                out.add_text(at, end)
                at = end
                out.add(*last)
                continue
            start, end = self.places[node]
            out.add_text(at, start)
            if node.marker:
                out.add_word(node.pieces[0], (start, end))
                at = end
                continue
            out.add(*node.pieces[:1])
            at = start
            waiting.append((end, node.pieces[1:]))
            waiting += sorted(node.children, key=lambda each: self.places[each])[::-1]

    def _words(self, sentences: Sequence[Sentence]) -> Words:
        source: list[Span] = []
        target: list[Span] = []
        links: set[Link] = set()
        for (start, end), (at, _), sentence in zip(self.unit.sentences, self.sentences, sentences, strict=True):
            own = linked(self.unit.text[start:end], *sentence)
            source += moved(own.source, start)
            target += moved(own.target, at)
            links |= {((a + start, b + start), (c + at, d + at)) for (a, b), (c, d) in own.links}
        words = Words(source, target, frozenset(links))
        twins: dict[Span, Span] = {}
        places_of = occurrences(self.text, [node.marker for node in self.unit.markers])
        for node in self.unit.markers:
            number = bisect_right(self.unit.sentences, node.start, key=lambda span: span[0]) - 1
            start, end = self.sentences[number]
            found = places_of[node.marker]
            twin = next((each for each in found if start <= each[0] and each[1] <= end), None)
            if twin:
                twins[node.start, node.end] = twin
            self.repeated += [each for each in found if each != twin]
        if twins:
            words = words.with_twins(twins, self.repeated)
        places = [place for node in self.unit.root.all() for place in (node.start, node.end)]
        return words.cut_at(places, self.unit.text, self.text)

    def _place(self) -> None:
        """Finds the place of every node, from the outside in."""
        waiting = [self.unit.root]
        while waiting:
            parent = waiting.pop()
            self._place_children(parent, self.places[parent])
            waiting += [child for child in parent.children if child.children]

    def _place_children(self, parent: Node, within: Span) -> None:
        first = bisect_left(self.words.target, within[0], key=lambda word: word[0])
        words = [word for word in self.words.target[first:] if word[1] <= within[1]]
        runs = runs_of(self._owners(parent.children, words))
        self._add_lone(parent.children, words, runs)
        siblings: list[tuple[Span, Node]] = []
        for child in parent.children:
            if run := runs.get(child):
                siblings.append((self._around(child, (words[run[0]][0], words[run[1]][1]), within), child))
        siblings.sort(key=lambda each: each[0])
        end = within[0]
        for (start, stop), child in siblings:
            self.places[child] = max(start, end), stop
            end = stop
        taken = [(self.places[child], child) for _, child in siblings]
        for child in parent.children:
            if child not in self.places:
                self.places[child] = self._between(child, within, taken)

    def _add_lone(self, children: Sequence[Node], words: Sequence[Span], runs: dict[Node, Span]) -> None:
        """Gives markup whose words have no translation the word where that would be, if it is in no other markup."""
        lone = [
            child
            for child in children
            if child not in runs and not child.marker and any(map(str.isalnum, self.unit.text[child.start : child.end]))
        ]
        taken = {i for start, end in runs.values() for i in range(start, end + 1)} if lone else set()
        for child in lone:
            i = bisect_left(words, self._position(child.start), key=lambda word: word[0])
            free = [
                each
                for each in (i, i - 1)
                if 0 <= each < len(words)
                and each not in taken
                and any(map(str.isalnum, self.text[slice(*words[each])]))
            ]
            if free:
                runs[child] = free[0], free[0]
                taken.add(free[0])

    def _owners(self, children: Sequence[Node], words: Sequence[Span]) -> list[Node | str | None]:
        """Of each word of the translation the child that it belongs to; `OTHER` text; None where that is not known."""
        of_source: dict[Span, Node] = {}
        covering: dict[int, Node] = {}
        for child in children:
            for word in self.words.overlapping(child.start, child.end):
                of_source.setdefault(word, child)
            first = bisect_left(self.unit.sentences, child.start, key=lambda sentence: sentence[0])
            last = bisect_right(self.unit.sentences, child.end, key=lambda sentence: sentence[1])
            covering.update(dict.fromkeys(range(first, last), child))
        found: list[Node | str | None] = []
        shared: dict[Node, int] = {}
        for word in words:
            linked_to = self.words.of_target.get(word, [])
            if len(linked_to) == 1:
                found.append(of_source.get(linked_to[0], OTHER))
                continue
            votes = Counter(of_source.get(each, OTHER) for each in linked_to)
            if not votes:
                found.append(covering.get(bisect_left(self.sentences, word[1], key=lambda sentence: sentence[1])))
                continue
            (owner, most), *others = votes.most_common(2)
            is_shared = others and (others[0][1] == most or (isinstance(owner, Node) and owner.marker))
            if is_shared:
                shared.update((each, len(found)) for each in votes if isinstance(each, Node) and not each.marker)
            found.append(None if is_shared else owner)
        # A word that as much belongs to others, as the second half of a compound, only where there is none of its own.
        owning = set(found)
        for child, i in shared.items():
            if found[i] is None and child not in owning:
                found[i] = child
        return found

    def _around(self, node: Node, place: Span, within: Span) -> Span:
        """The place of words, with as much of the space around them as the node encloses."""
        start, end = place
        words = self.words.overlapping(node.start, node.end)
        for _ in range(words[0][0] - node.start):
            if start > within[0] and self.text[start - 1].isspace():
                start -= 1
        for _ in range(node.end - words[-1][1]):
            if end < within[1] and self.text[end].isspace():
                end += 1
        return start, end

    def _between(self, node: Node, within: Span, taken: Sequence[tuple[Span, Node]]) -> Span:
        """The place of what has no words of its own there: none in one of its siblings."""
        start = min(max(self._position(node.start), within[0]), within[1])
        i = bisect_left(taken, start, key=lambda each: each[0][0]) - 1  # the last that begins before
        if i >= 0 and start < taken[i][0][1]:
            (first, last), sibling = taken[i]
            start = last if node.start >= sibling.end else first
            i = bisect_left(taken, start, key=lambda each: each[0][0]) - 1
        end = min(max(self._position(node.end), start), within[1])
        blank = not self.unit.text[node.start : node.end].strip() and not self.text[start:end].strip()
        if not blank or any(start < last and first < end for (first, last), _ in taken[max(i, 0) : i + 3]):
            end = start
        return start, end

    def _position(self, place: int) -> int:
        """Where something that stands between words at a place in the unit goes in the translation."""
        number = bisect_left(self.gaps, place, key=lambda gap: gap[0][1])
        (start, end), (first, last) = self.gaps[number]
        if start <= place:
            return last if place == end else min(first + place - start, last)
        source, target = self.words.source, self.words.target
        start, end = self.words.numbers(*self.unit.sentences[number - 1])
        i = bisect_left(source, place, start, end, key=lambda word: word[0])
        if i == start:
            return self.sentences[number - 1][0]
        right = source[i : min(i + 1, end)]
        before, after = place - source[i - 1][1], right[0][0] - place if right else 0
        sides = ((source[j], j < i) for j in itertools.chain(range(start, i)[::-1], range(i, end)))
        # Beside the word that it touches, else before the next one; where that has no translation, as near as may be.
        nearest = [(source[i - 1], True), *((word, False) for word in right)]
        nearest = nearest if before <= 0 else nearest[::-1]
        of_source = self.words.of_source
        word, is_left = next((each for each in itertools.chain(nearest, sides) if each[0] in of_source), (None, False))
        if word is None:
            return self.sentences[number - 1][0]
        j = bisect_left(target, of_source[word][-1]) + 1 if is_left else bisect_left(target, of_source[word][0])
        first = target[j - 1][1] if j else 0
        last = target[j][0] if j < len(target) else len(self.text)
        if before <= 0:
            return first
        return min(first + before, last) if after > 0 else last

    def _spaces(self) -> dict[int, Piece]:
        """Which spaces of the translation are more than that: inside of a sentence, those in proportion."""
        found: dict[int, Piece] = {}
        free: dict[int, list[int]] = {}  # the spaces of a sentence
        for place, piece in self.unit.spaces.items():
            number = bisect_right(self.gaps, place, key=lambda gap: gap[0][1])
            (start, _), (first, last) = self.gaps[number]
            if start <= place:
                if first + place - start < last:
                    found[first + place - start] = piece
                continue
            (start, end), (first, last) = self.unit.sentences[number - 1], self.sentences[number - 1]
            ideal = first + (place - start) * (last - first) / (end - start)
            behind = max(first, next(reversed(found), -1) + 1)
            if number not in free:
                free[number] = [i for i in range(first, last) if self.text[i].isspace()]
            i = bisect_left(free[number], max(ideal, behind))
            nearest = [at for at in free[number][max(i - 1, 0) : i + 1] if at >= behind]
            if nearest:
                found[min(nearest, key=lambda at: abs(at - ideal))] = piece
        return found


def _between(spans: Sequence[Span], size: int) -> list[Span]:
    """What is before, between and after some parts of a text."""
    return list(zip([0, *(end for _, end in spans)], [*(start for start, _ in spans), size], strict=True))
