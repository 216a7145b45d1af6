"""Edit distance by bits: a column of the dynamic programme in one integer (Myers, 1999; Hyyrö, 2001)."""


class Pattern:
    """A text that others are compared with."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._places: dict[str, int] = {}  # of each character, as bits
        for i, character in enumerate(text):
            self._places[character] = self._places.get(character, 0) | 1 << i

    def distance(self, other: str) -> int:
        """The fewest insertions, deletions and substitutions of characters that make one text of the other."""
        if not self.text:
            return len(other)
        last = 1 << (len(self.text) - 1)
        mask = (last << 1) - 1
        up, down, score = mask, 0, len(self.text)  # vertical differences of +1 and of -1
        for character in other:
            match = self._places.get(character, 0)
            diagonal = (((match & up) + up) ^ up) | match | down
            right = down | ~(diagonal | up) & mask  # horizontal differences
            left = up & diagonal
            score += bool(right & last) - bool(left & last)
            right = right << 1 | 1
            up = (left << 1 | ~(diagonal | right)) & mask
            down = right & diagonal & mask
        return score
