"""Every endpoint over a scripted translator."""

import asyncio
import dataclasses
import gc
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.serve.scripted import ENGLISH, GERMAN, Diagonal, Shouting, profile, scripted_app, tokenizer, with_limits
from translator.decoding.options import SearchOptions
from translator.serve import libretranslate
from translator.serve.app import create_app
from translator.serve.limits import Limits
from translator.serve.models import Model, Models
from translator.serve.version_1 import Options

EN_DE = {"source": "en", "target": "de"}


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(scripted_app()) as client:
        yield client


def answer(response: httpx2.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


# LibreTranslate


def test_json_and_forms_are_translated_alike(client: TestClient):
    body = {"q": "One dog. Two dogs.\n\nThree", **EN_DE}
    expected = {"translatedText": "ONE DOG. TWO DOGS.\n\nTHREE"}
    assert answer(client.post("/translate", json=body)) == expected
    assert answer(client.post("/translate", data=body)) == expected
    assert answer(client.post("/translate", files={key: (None, value) for key, value in body.items()})) == expected


def test_lists_give_lists(client: TestClient):
    assert answer(client.post("/translate", json={"q": ["a", "", "be. Cat."], **EN_DE})) == {
        "translatedText": ["A", "", "BE. CAT."]
    }
    assert answer(client.post("/translate", json={"q": [], **EN_DE}), 400)["error"]
    assert answer(client.post("/translate", data={"q": ["a", "b"], **EN_DE})) == {"translatedText": ["A", "B"]}


def test_alternatives_are_the_next_hypotheses(client: TestClient):
    assert answer(client.post("/translate", json={"q": "a b", "alternatives": 2, **EN_DE})) == {
        "translatedText": "A B",
        "alternatives": ["A B!", "A B!!"],
    }
    assert answer(client.post("/translate", json={"q": ["a", "be. Cat."], "alternatives": 1, **EN_DE})) == {
        "translatedText": ["A", "BE. CAT."],
        "alternatives": [["A!"], ["BE.! CAT.!"]],
    }


def test_the_text_of_html_is_translated(client: TestClient):
    page = '<p><b class="x">One</b> dog.<br>Two &lt; three.</p> <code>f(x)</code>'
    expected = '<p><b class="x">ONE</b> DOG.<br>TWO &lt; THREE.</p> <code>f(x)</code>'
    assert answer(client.post("/translate", data={"q": page, "format": "html", **EN_DE})) == {
        "translatedText": expected
    }
    # The next hypothesis is not the sentence in capitals, so that words are found by the alignment.
    body = {"q": "<i>one</i> dog", "format": "html", "alternatives": 1, **EN_DE}
    assert answer(client.post("/translate", json=body)) == {
        "translatedText": "<i>ONE</i> DOG",
        "alternatives": ["<i>ONE</i> DOG!"],
    }


def test_instructions_in_html_are_refused(client: TestClient):
    response = client.post("/translate", json={"q": ["a", "<p>b\n<?php c ?>"], "format": "html", **EN_DE})
    said = "q: line 2: <? is of XML or PHP; translate the HTML that it becomes"
    assert (response.status_code, response.json()) == (400, {"error": said})


@pytest.mark.parametrize("format", ["text", "html"])
def test_documents_are_read_and_written_in_other_threads(client: TestClient, monkeypatch, format: str):
    threads = []

    def of_thread(function):
        def wrapped(*args, **kwargs):
            threads.append(threading.current_thread().name)
            return function(*args, **kwargs)

        return wrapped

    for name in ("_sentences", "_versions"):
        monkeypatch.setattr(libretranslate, name, of_thread(getattr(libretranslate, name)))
    answer(client.post("/translate", json={"q": "a dog", "format": format, **EN_DE}))
    assert len(threads) == 2
    assert all(name.startswith("AnyIO worker thread") for name in threads)


def test_text_that_looks_like_html_is_text(client: TestClient):
    body = {"q": "one <b>dog</b> &amp; two", **EN_DE}
    assert answer(client.post("/translate", json=body)) == {"translatedText": "ONE <B>DOG</B> &AMP; TWO"}


def test_tags_tell_no_language(client: TestClient):
    body = {"q": "<das-ist-was>the dog sees</das-ist-was>", "format": "html", "source": "auto", "target": "de"}
    assert answer(client.post("/translate", json=body))["detectedLanguage"]["language"] == "en"


def test_the_language_is_found_among_those_loaded(client: TestClient):
    body = {"q": ["the dog sees the water", "der Hund sieht das Haus"], "source": "auto", "target": "de"}
    found = answer(client.post("/translate", json=body))
    assert found["translatedText"] == ["THE DOG SEES THE WATER", "der Hund sieht das Haus"]
    assert [each["language"] for each in found["detectedLanguage"]] == ["en", "de"]
    assert [each["language"] for each in answer(client.post("/detect", data={"q": "das ist was sie denken"}))] == [
        "de",
        "en",
    ]


def test_a_blank_text_is_of_no_language(client: TestClient):
    assert {each["confidence"] for each in answer(client.post("/detect", json={"q": " "}))} == {0}


def test_the_descriptions_of_the_server(client: TestClient):
    assert answer(client.get("/health")) == {"status": "ok"}
    assert answer(client.get("/languages")) == [
        {"code": "en", "name": "English", "targets": ["de"]},
        {"code": "de", "name": "German", "targets": ["en"]},
    ]
    # As libretranslatepy asks: a GET with a form.
    assert len(answer(client.request("GET", "/languages", content=b"api_key=x"))) == 2
    settings = answer(client.get("/frontend/settings"))
    assert (settings["charLimit"], settings["keyRequired"]) == (10_000, False)
    assert settings["language"]["target"] == {"code": "de", "name": "German"}


def test_a_language_that_is_a_target_alone_has_its_name():
    with TestClient(scripted_app(translators={("en", "de"): Shouting()})) as client:
        assert answer(client.get("/languages")) == [
            {"code": "en", "name": "English", "targets": ["de"]},
            {"code": "de", "name": "German", "targets": []},
        ]


def test_a_region_finds_the_model_of_its_language(client: TestClient):
    body = {"q": "a", "source": "en_US", "target": "deu"}
    assert answer(client.post("/translate", json=body)) == {"translatedText": "A"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "not JSON"),
        (b"[]", "valid dictionary"),
        (b"[" * 100_000, "not JSON"),
        (b'{"q": "a", "source": "en"}', "target: Field required"),
        (b'{"q": 1, "source": "en", "target": "de"}', "q.str: Input should be a valid string"),
        (b'{"q": "\\ud800", "source": "en", "target": "de"}', ""),
        (b'{"q": "a", "source": "en", "target": "fr"}', "en to fr is not supported; there is en to de, de to en"),
        (b'{"q": "a", "source": "auto", "target": "fr"}', "nothing is translated into fr"),
        (b'{"q": "a", "source": "en", "target": "de", "alternatives": 10}', "alternatives must be 9 or less, not 10"),
        (b'{"q": "a", "source": "en", "target": "de", "alternatives": -1}', "alternatives: Input should be greater"),
    ],
)
def test_bad_requests_get_400_and_say_what_is_wrong(client: TestClient, body: bytes, problem: str):
    response = client.post("/translate", content=body, headers={"content-type": "application/json"})
    assert problem in answer(response, 400)["error"]


def test_numbers_are_strings_in_a_form_and_not_in_json(client: TestClient):
    body = {"q": "a", **EN_DE}
    assert answer(client.post("/translate", data={**body, "alternatives": "1"}))["alternatives"] == ["A!"]
    assert answer(client.post("/translate", json={**body, "alternatives": 1.0}))["alternatives"] == ["A!"]
    for value in ("1", True):
        assert "alternatives" in answer(client.post("/translate", json={**body, "alternatives": value}), 400)["error"]


@pytest.mark.parametrize("body", [b"q=%ff&source=en&target=de", b"q=%ff", b"&&=", b""])
def test_bad_forms_get_400(client: TestClient, body: bytes):
    response = client.post("/translate", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer(response, 400)["error"]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_bad_multipart_forms_get_400(client: TestClient, kind: str):
    assert answer(client.post("/translate", content=b"nonsense", headers={"content-type": kind}), 400)["error"]


def test_unknown_paths_and_methods_have_an_error(client: TestClient):
    assert answer(client.get("/nothing"), 404) == {"error": "Not Found"}
    assert answer(client.get("/translate"), 405) == {"error": "Method Not Allowed"}


def test_a_fault_is_500_and_tells_no_text(client: TestClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        response = client.post("/translate", json={"q": "a fault", **EN_DE})
    assert answer(response, 500) == {"error": "the server failed at this request"}
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text
    assert answer(client.post("/translate", json={"q": "a", **EN_DE})) == {"translatedText": "A"}


# Limits


def test_large_requests_get_413_and_long_texts_400():
    with TestClient(scripted_app(with_limits(body_bytes=100, characters=5))) as client:
        assert "larger than 100 bytes" in answer(client.post("/translate", json={"q": "a" * 200}), 413)["error"]
        chunks = (b"a" * 60 for _ in range(2))
        assert answer(client.post("/translate", content=chunks), 413)["error"]
        assert "6 characters, more than the 5" in answer(client.post("/detect", json={"q": "abcdef"}), 400)["error"]


def test_a_full_queue_is_429_with_retry_after_and_a_late_answer_504():
    gate = threading.Event()
    app = scripted_app(with_limits(waiting_sentences=2, seconds=0.2), {("en", "de"): Shouting(gate=gate)})
    with TestClient(app) as client:
        assert answer(client.post("/translate", json={"q": "a", **EN_DE}), 504)["error"].startswith("the translation")
        assert answer(client.post("/translate", json={"q": "b", **EN_DE}), 504)
        assert answer(client.post("/translate", json={"q": "b", **EN_DE}), 504)  # whoever has been answered makes room
        full = client.post("/translate", json={"q": "Bee. Cat.", **EN_DE})
        assert answer(full, 429)["error"].startswith("too many sentences")
        assert full.headers["retry-after"] == "1"
        assert answer(client.post("/translate", json={"q": "Ant. Bee. Cat.", **EN_DE}), 413)
        gate.set()


def test_what_waits_for_a_client_who_has_gone_is_not_translated(caplog: pytest.LogCaptureFixture):
    gate = threading.Event()
    translator = Shouting(gate=gate)
    app = scripted_app(translators={("en", "de"): translator})

    async def ask(text: str, goes: bool = False) -> list[Any]:
        """What is sent to a client, who stays until the answer, or goes once the request is sent."""
        body = json.dumps({"q": text, **EN_DE}).encode()
        received, sent = [{"type": "http.request", "body": body, "more_body": False}], []

        async def receive() -> Any:
            if not received and not goes:
                await asyncio.Event().wait()
            return received.pop() if received else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/translate", "query_string": b"", "headers": []}
        await app(scope, receive, send)
        return sent

    async def conversation() -> None:
        first = asyncio.ensure_future(ask("first"))
        while not translator.batches:
            await asyncio.sleep(0.001)
        assert await ask("gone", goes=True) == []
        gate.set()
        assert [each["type"] for each in await first] == ["http.response.start", "http.response.body"]
        assert (await ask("third"))[0]["status"] == 200

    asyncio.run(conversation())
    assert translator.batches == [["first"], ["third"]]
    gc.collect()
    assert caplog.records == []  # as asyncio's of exceptions that nobody asked for
    with TestClient(app) as client:
        text = client.get("/metrics").text
    assert 'translator_requests_total{endpoint="/translate",status="499"} 1' in text
    assert 'status="500"' not in text


def test_a_key_is_asked_for_where_there_is_one():
    with TestClient(scripted_app(with_limits(api_keys=frozenset({"k1", "k2"})))) as client:
        body = {"q": "a", **EN_DE}
        assert "needs an API key" in answer(client.post("/translate", json=body), 403)["error"]
        assert "not valid" in answer(client.post("/translate", json=body | {"api_key": "k"}), 403)["error"]
        for key in ("k1", "k2"):
            assert answer(client.post("/translate", json=body | {"api_key": key}))
            assert answer(client.post("/translate", data=body | {"api_key": key}))
            assert answer(client.post("/translate", json=body, headers={"Authorization": f"Bearer {key}"}))
        bodies: dict[str, Any] = {"/detect": {"q": "a"}, "/v1/translate": {"sentences": []}}
        for path, asked in bodies.items():
            assert answer(client.post(path, json=asked), 403)
        assert answer(client.get("/metrics"), 403)
        for path in ("/health", "/languages", "/frontend/settings"):
            assert client.get(path).status_code == 200


def test_browsers_may_read_answers_only_where_an_origin_is_named():
    headers = {"Origin": "https://example.org"}
    with TestClient(scripted_app()) as client:
        assert "access-control-allow-origin" not in client.get("/health", headers=headers).headers
    with TestClient(scripted_app(with_limits(origins=("https://example.org",)))) as client:
        allowed = client.get("/health", headers=headers).headers["access-control-allow-origin"]
        assert allowed == "https://example.org"


# v1


def test_sentences_come_with_scores_hypotheses_tokens_and_alignment(client: TestClient):
    body = {"sentences": ["a b", ""], "n_best": 2, "token_scores": True, "alignment": True, **EN_DE}
    found = answer(client.post("/v1/translate", json=body))
    assert (found["source"], found["target"], len(found["translations"])) == ("en", "de", 2)
    first = found["translations"][0]
    assert (first["text"], first["score"], first["log_prob"]) == ("A B", -1.0, -2.0)
    assert first["hypotheses"][1] == {
        "text": "A B!",
        "score": -2.0,
        "log_prob": -3.0,
        "alignment": {"source": ["a", "b"], "target": ["A", "B!"], "links": [[0, 0]]},
        "tokens": ["A B"],
        "token_log_probs": [-1.0],
    }


def test_sentences_begin_with_their_prefixes(client: TestClient):
    body = {"sentences": ["a", "b"], "prefixes": ["Das ", ""], **EN_DE}
    found = answer(client.post("/v1/translate", json=body))
    assert [each["text"] for each in found["translations"]] == ["Das A", "B"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sentences": ["refused"]}, "`beam_size` must be another"),
        ({"options": {"beam_size": 11}}, "options.beam_size must be 10 or less, not 11"),
        ({"n_best": 3}, "n_best 3 needs a beam as large: options.beam_size is 2"),
        ({"options": {"temperature": 2}}, "`temperature` needs `sample`"),
        ({"prefixes": []}, "prefixes: 0 for 1 sentences"),
        ({"source": None}, "source and target are needed"),
        ({"target": "fr"}, "en to fr is not supported; there is en to de, de to en"),
    ],
)
def test_what_does_not_go_together_gets_422(client: TestClient, changes: dict[str, Any], problem: str):
    response = client.post("/v1/translate", json={"sentences": ["a"], **EN_DE} | changes)
    assert problem in answer(response, 422)["error"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"beam_sise": 3}, "options.beam_sise: Extra inputs"),
        ({"max_length_factor": 100}, "options.max_length_factor: Input should be less"),
    ],
)
def test_what_is_not_as_described_gets_400(client: TestClient, options: dict[str, Any], problem: str):
    response = client.post("/v1/translate", json={"sentences": ["a"], "options": options, **EN_DE})
    assert problem in answer(response, 400)["error"]


def test_every_search_option_can_be_asked_for():
    own = {"with_attention", "with_token_log_probs", "xla"}  # none; token_scores; compiles for each shape
    assert set(Options.model_fields) == {each.name for each in dataclasses.fields(SearchOptions)} - own


def test_samples_need_no_beam_size(client: TestClient):
    body = {"sentences": ["a"], "n_best": 3, "options": {"sample": True, "seed": 4}, **EN_DE}
    assert len(answer(client.post("/v1/translate", json=body))["translations"][0]["hypotheses"]) == 3


def test_one_client_with_ever_new_options_takes_none_from_others(client: TestClient):
    for number in range(100):
        options = {"sample": True, "seed": number, "temperature": 1 + number / 100}
        assert answer(client.post("/v1/translate", json={"sentences": ["a"], "options": options, **EN_DE}))
    assert answer(client.post("/v1/translate", json={"sentences": ["a"], **EN_DE}))


def test_a_single_model_needs_no_languages():
    with TestClient(scripted_app(translators={("en", "de"): Shouting()})) as client:
        assert answer(client.post("/v1/translate", json={"sentences": ["a"]}))["target"] == "de"


def test_prefixes_and_alternatives_are_left_to_the_runs_own_model():
    """Not every engine has them; all else is for the engine."""
    engine, own = Shouting(), Shouting()
    model = Model(("en", "de"), engine, profile(tuple(ENGLISH)), Limits(), lambda: Diagonal(own))
    with TestClient(create_app(Models([model]), Limits())) as client:
        for body in ({"prefixes": ["Das "]}, {"options": {"alternatives": True, "beam_size": 3}}, {"n_best": 2}):
            assert answer(client.post("/v1/translate", json={"sentences": ["a"], **body}))
    assert (len(own.batches), len(engine.batches)) == (2, 1)


def test_a_translation_comes_with_what_each_word_looks_at(client: TestClient):
    body = {"sentence": "a dog.", "translation": "Ein Hund.", **EN_DE}
    found = answer(client.post("/v1/inspect", json=body))
    assert found["words"] == ["Ein", "Hund", "."]
    assert list(found["attention"]) == ["cross"]
    cross = found["attention"]["cross"]
    assert (cross["rows"], cross["columns"]) == (["Ein", "Hund", ".", "</s>"], ["a", "dog", ".", "</s>"])
    assert cross["weights"][0][0] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert cross["weights"][1][1] == [[0.25] * 4] * 4
    assert found["source_share"] is None


def test_places_of_attention_and_the_share_of_the_source_come_where_asked_for(client: TestClient):
    body = {"sentence": "a", "translation": "Ein", "attention": ["decoder", "encoder"], "source_share": True, **EN_DE}
    found = answer(client.post("/v1/inspect", json=body))
    assert list(found["attention"]) == ["encoder", "decoder"]
    assert found["attention"]["decoder"]["columns"] == ["<s>", "Ein"]
    assert found["source_share"] == [0.75, 0.75]


def test_looking_into_a_model_has_the_limits_of_translating():
    body = {"sentence": "abc", "translation": "def", **EN_DE}
    with TestClient(scripted_app(with_limits(characters=5, api_keys=frozenset({"k"})))) as client:
        assert answer(client.post("/v1/inspect", json=body), 403)
        assert "6 characters" in answer(client.post("/v1/inspect", json=body | {"api_key": "k"}), 400)["error"]


def client_of_one(own: Diagonal, limits: Limits) -> TestClient:
    model = Model(("en", "de"), own.translator, profile(tuple(ENGLISH)), limits, lambda: own)
    return TestClient(create_app(Models([model]), limits))


def test_translations_do_not_wait_for_looks():
    gate = threading.Event()
    own = Diagonal(gate=gate)
    with client_of_one(own, with_limits(seconds=0.2, waiting_looks=2)) as client:
        for sentence, status in (("first", 504), ("second", 504), ("third", 504)):
            assert answer(client.post("/v1/inspect", json={"sentence": sentence, "translation": "a"}), status)
        assert answer(client.post("/v1/translate", json={"sentences": ["a"]}))
        gate.set()
    assert own.looked == ["first"]  # nobody waits for the others any more


def test_few_looks_wait():
    gate = threading.Event()
    own = Diagonal(gate=gate)
    with client_of_one(own, with_limits(seconds=0.2, waiting_looks=1)) as client:
        body = {"sentence": "a", "translation": "b"}
        assert answer(client.post("/v1/inspect", json=body), 504)
        assert answer(client.post("/v1/inspect", json=body), 429)
        gate.set()


def test_the_share_of_the_source_is_found_for_so_many_tokens_only():
    own = Diagonal()
    [source, target] = (len(ids) for ids in tokenizer().encode([ENGLISH[0], GERMAN[0]]))
    body = {"sentence": ENGLISH[0], "translation": GERMAN[0], "source_share": True}
    with client_of_one(own, with_limits(share_tokens=source + target)) as client:
        assert answer(client.post("/v1/inspect", json=body))["source_share"]
    with client_of_one(own, with_limits(share_tokens=source + target - 1)) as client:
        assert f"have {source + target} tokens" in answer(client.post("/v1/inspect", json=body), 422)["error"]
        assert answer(client.post("/v1/inspect", json=body | {"source_share": False}))
    assert len(own.looked) == 2


def test_pairs_that_are_too_long_to_look_into_get_422(client: TestClient):
    body = {"sentence": "a " * 60, "translation": "b", **EN_DE}
    assert "too long" in answer(client.post("/v1/inspect", json=body), 422)["error"]


def test_the_models_are_listed_with_the_limits(client: TestClient):
    found = answer(client.get("/v1/models"))
    english = {"code": "en", "name": "English", "writes_spaces": True}
    german = {"code": "de", "name": "German", "writes_spaces": True}
    assert found["models"] == [
        {"source": english, "target": german, "beam_size": 2},
        {"source": german, "target": english, "beam_size": 2},
    ]
    assert (found["characters"], found["largest_beam"], found["key_required"]) == (10_000, 10, False)


# Descriptions


def test_openapi_describes_both_kinds_of_bodies_and_the_errors(client: TestClient):
    document = answer(client.get("/openapi.json"))
    translate = document["paths"]["/translate"]["post"]
    assert set(translate["requestBody"]["content"]) == {
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    }
    assert {"200", "400", "403", "413", "422", "429", "504"} <= set(translate["responses"])
    assert "$defs" not in json.dumps(document)


def test_metrics_count_requests_and_sentences(client: TestClient):
    client.post("/translate", json={"q": "Ant. Bee.", **EN_DE})
    client.post("/translate", json={})
    client.post("/v1/inspect", json={"sentence": "a", "translation": "b", **EN_DE})
    client.get("/some-made-up-path")
    text = client.get("/metrics").text
    assert 'translator_requests_total{endpoint="/translate",status="200"} 1' in text
    assert 'translator_requests_total{endpoint="/translate",status="400"} 1' in text
    assert 'translator_requests_total{endpoint="other",status="404"} 1' in text
    assert 'translator_sentences_total{source="en",target="de"} 2' in text
    assert 'translator_inspections_total{source="en",target="de"} 1' in text
    assert "translator_request_seconds_count 4" in text


# Many at once


def test_64_clients_get_their_own_answers_from_shared_batches():
    translator = Shouting(seconds=0.001)
    app = scripted_app(translators={("en", "de"): translator})
    requests = 10

    async def client_of(http: httpx2.AsyncClient, number: int) -> int:
        right = 0
        for i in range(requests):
            text = f"Client {number} asks {i} now. And {number}!\nAnd {i}"
            response = await http.post("/translate", json={"q": text, **EN_DE})
            right += response.json() == {"translatedText": text.upper()}
        return right

    async def all_clients(app: FastAPI) -> list[int]:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
            return await asyncio.gather(*(client_of(http, number) for number in range(64)))

    assert asyncio.run(all_clients(app)) == [requests] * 64
    assert sum(map(len, translator.batches)) == 64 * requests * 3
    assert max(map(len, translator.batches)) > 3
    assert translator.threads == {"translator-en-de"}
