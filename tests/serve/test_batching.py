"""Sentences of many requests, translated together."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from translator.decoding.options import OptionsError
from translator.serve.batching import Batcher
from translator.serve.errors import RequestError

HOW = "how"


class Held:
    """Writes sentences in capitals once it is let go; keeps what it was asked for."""

    def __init__(self) -> None:
        self.free, self.began = threading.Event(), threading.Event()
        self.calls: list[tuple[Any, list[str], list[str] | None]] = []

    def __call__(self, how: Any, sentences: Sequence[str], prefixes: Sequence[str] | None) -> list[str]:
        self.calls.append((how, list(sentences), None if prefixes is None else list(prefixes)))
        self.began.set()
        assert self.free.wait(30)
        if "fault" in sentences:
            raise OptionsError("a fault")
        return [each.upper() for each in sentences]


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def batcher_of(held: Held) -> Iterator[Callable[..., Batcher]]:
    made: list[Batcher] = []

    def make(batch_sentences: int = 4, most_waiting: int = 100, lingering: float = 0.0) -> Batcher:
        made.append(Batcher("test", held, batch_sentences, most_waiting, lingering))
        return made[-1]

    yield make
    held.free.set()
    for each in made:
        each.close()


def occupied(batcher: Batcher, held: Held) -> Any:
    """A batcher whose model is at work on a first sentence."""
    first = batcher.submit(HOW, ["first"])
    assert held.began.wait(30)
    return first


def test_what_waits_is_translated_together_up_to_a_limit(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of(batch_sentences=4)
    first = occupied(batcher, held)
    futures = [batcher.submit(HOW, ["a", "b", "c"]), batcher.submit(HOW, ["d"]), batcher.submit(HOW, ["e", "f"])]
    held.free.set()
    assert first.result(30) == ["FIRST"]
    assert [each.result(30) for each in futures] == [["A", "B", "C"], ["D"], ["E", "F"]]
    assert [call[1] for call in held.calls] == [["first"], ["a", "b", "c", "d"], ["e", "f"]]


def test_clients_who_ask_again_at_once_share_a_batch_with_those_who_waited(
    batcher_of: Callable[..., Batcher], held: Held
):
    batcher = batcher_of(batch_sentences=8, lingering=1e9)
    first = occupied(batcher, held)
    waiting = batcher.submit(HOW, ["a"])
    held.free.set()
    assert first.result(30) == ["FIRST"]
    again = batcher.submit(HOW, ["second"])
    assert [each.result(30) for each in (waiting, again)] == [["A"], ["SECOND"]]
    assert [call[1] for call in held.calls] == [["first"], ["a", "second"]]


def test_nobody_is_waited_for_whose_request_goes_on(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of(batch_sentences=2, lingering=1e9)
    held.free.set()
    assert batcher.submit(HOW, ["a", "b", "c"]).result(30) == ["A", "B", "C"]


def test_only_equal_searches_share_a_batch_and_the_oldest_comes_first(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of()
    occupied(batcher, held)
    futures = [
        batcher.submit("x", ["a"]),
        batcher.submit("y", ["b"]),
        batcher.submit("x", ["c"]),
        batcher.submit("y", ["d"], ["begin"]),
    ]
    held.free.set()
    assert [each.result(30) for each in futures] == [["A"], ["B"], ["C"], ["D"]]
    assert held.calls[1:] == [("x", ["a", "c"], None), ("y", ["b"], None), ("y", ["d"], ["begin"])]


def test_prefixes_stay_with_their_sentences(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of(batch_sentences=2)
    occupied(batcher, held)
    futures = [batcher.submit(HOW, ["a"], ["1"]), batcher.submit(HOW, ["b", "c"], ["2", "3"])]
    held.free.set()
    assert [each.result(30) for each in futures] == [["A"], ["B", "C"]]
    assert held.calls[1:] == [(HOW, ["a", "b"], ["1", "2"]), (HOW, ["c"], ["3"])]


def test_a_full_queue_takes_all_sentences_of_a_request_or_none(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of(most_waiting=4)
    occupied(batcher, held)
    accepted = batcher.submit(HOW, ["a", "b"])
    with pytest.raises(RequestError, match="ask again in") as refused:
        batcher.submit(HOW, ["c", "d"])
    assert refused.value.status == 429
    assert refused.value.retry_after == 1
    also = batcher.submit(HOW, ["e"])
    assert batcher.waiting == 4
    held.free.set()
    assert (accepted.result(30), also.result(30)) == (["A", "B"], ["E"])


def test_what_never_fits_is_too_large(batcher_of: Callable[..., Batcher]):
    with pytest.raises(RequestError, match="5 sentences are more than the 4") as refused:
        batcher_of(most_waiting=4).submit(HOW, ["a"] * 5)
    assert refused.value.status == 413


def test_one_request_does_not_fail_with_another(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of()
    occupied(batcher, held)
    good, bad, other = (batcher.submit(HOW, each) for each in (["a"], ["b", "fault"], ["c"]))
    held.free.set()
    assert (good.result(30), other.result(30)) == (["A"], ["C"])
    with pytest.raises(OptionsError, match="a fault"):
        bad.result(30)
    assert batcher.submit(HOW, ["after"]).result(30) == ["AFTER"]


def test_what_is_cancelled_is_not_translated(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of()
    occupied(batcher, held)
    given_up, wanted = batcher.submit(HOW, ["a", "b"]), batcher.submit(HOW, ["c"])
    assert given_up.cancel()
    held.free.set()
    assert wanted.result(30) == ["C"]
    assert [call[1] for call in held.calls] == [["first"], ["c"]]


def test_what_is_cancelled_makes_room(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of(most_waiting=3)
    occupied(batcher, held)
    assert batcher.submit(HOW, ["a", "b"]).cancel()
    assert batcher.waiting == 1
    wanted = batcher.submit(HOW, ["c", "d"])
    held.free.set()
    assert wanted.result(30) == ["C", "D"]


def test_the_rest_of_what_failed_is_not_translated(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of(batch_sentences=1)
    occupied(batcher, held)
    failing, wanted = batcher.submit(HOW, ["a", "fault", "b"]), batcher.submit(HOW, ["c"])
    held.free.set()
    with pytest.raises(OptionsError, match="a fault"):
        failing.result(30)
    assert wanted.result(30) == ["C"]
    assert [call[1] for call in held.calls] == [["first"], ["a"], ["fault"], ["c"]]


def test_closing_translates_what_was_accepted_and_refuses_more(batcher_of: Callable[..., Batcher], held: Held):
    batcher = batcher_of(batch_sentences=1)
    occupied(batcher, held)
    futures = [batcher.submit(HOW, [each]) for each in "abc"]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    while batcher.accepts:
        time.sleep(0.001)
    with pytest.raises(RequestError, match="is stopping") as refused:
        batcher.submit(HOW, ["d"])
    assert refused.value.status == 503
    held.free.set()
    closing.join(30)
    assert [each.result(0) for each in futures] == [["A"], ["B"], ["C"]]


def test_no_sentences_need_no_model(batcher_of: Callable[..., Batcher], held: Held):
    assert batcher_of().submit(HOW, []).result(0) == []
    assert held.calls == []
