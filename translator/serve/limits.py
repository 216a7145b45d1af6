"""What a server takes: how much, how long, from whom."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a client may ask for, and what it has to show.

    Attributes:
        body_bytes: the largest request.
        characters: the most characters of all texts of a request.
        waiting_sentences: for each model, the most sentences of all requests that wait or are being translated.
        waiting_looks: for each model, the most looks into it that wait or are in progress.
        share_tokens: the most tokens of a sentence and its translation, together, for which shares of the source are
            found: the time that this takes grows with more than the square of them, and nothing interrupts it.
        seconds: the longest that a request waits for its answer.
        alternatives: the most further translations of a text; with the first, the largest beam that can be asked for.
        api_keys: one of which a request must have; none where anybody may ask.
        origins: pages that a browser lets read the answers; none by default, `*` is all.
    """

    body_bytes: int = 1_000_000
    characters: int = 10_000
    waiting_sentences: int = 2_000
    waiting_looks: int = 16
    share_tokens: int = 256
    seconds: float = 60.0
    alternatives: int = 9
    api_keys: frozenset[str] = frozenset()
    origins: tuple[str, ...] = ()
