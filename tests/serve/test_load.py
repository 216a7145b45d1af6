"""The real process under load, and against all that its description allows; `make test-all` runs these."""

import asyncio
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.serve.scripted import ENGLISH
from tests.serve.test_process import random_run, started
from translator.decoding.translator import Translator

pytestmark = pytest.mark.load
CLIENTS, SECONDS = 64, 20
BROKEN = [
    b"", b"{", b"[]", b"\xff", b'{"sentences": 1}', b'{"sentences": ["a"], "n_best": 0}', b"[" * 100_000,
    b'{"sentences": ["a"], "options": {"beam_size": 1000000}}', b'{"sentences": ["a"], "target": "xx"}',
]  # fmt: skip


def test_many_clients_get_their_own_answers_while_others_send_nonsense(tmp_path: Path):
    run = random_run(tmp_path)
    words = sorted({word for sentence in ENGLISH for word in sentence.split()})
    draw = random.Random(1)
    sentences = [" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(500)]
    expected = dict(zip(sentences, Translator.load(run, beam_size=2).translate_text(sentences), strict=True))
    with started(run) as served:

        async def client(http: httpx2.AsyncClient, seed: int) -> int:
            mine, end, answers = random.Random(seed), time.monotonic() + SECONDS, 0
            while time.monotonic() < end:
                sentence = mine.choice(sentences)
                answer = await http.post("/v1/translate", json={"sentences": [sentence]})
                assert answer.status_code == 200, answer.text
                assert answer.json()["translations"][0]["text"] == expected[sentence]
                answers += 1
                if mine.random() < 0.1:
                    refused = await http.post("/v1/translate", content=mine.choice(BROKEN))
                    assert 400 <= refused.status_code < 500
                    assert refused.json()["error"]
            return answers

        async def everyone() -> list[int]:
            async with httpx2.AsyncClient(base_url=served.address, timeout=60) as http:
                return await asyncio.gather(*(client(http, seed) for seed in range(CLIENTS)))

        answers = asyncio.run(everyone())
        assert min(answers) > 0
        assert served.process.poll() is None


def test_killed_it_starts_again_on_the_same_port(tmp_path: Path):
    run = random_run(tmp_path)
    with started(run) as served:
        served.process.send_signal(signal.SIGKILL)
        served.process.wait(60)
        port = served.address.rsplit(":", 1)[1]
        with started(run, port) as again:
            assert again.address == served.address
            assert httpx2.get(f"{again.address}/health").json() == {"status": "ok"}


def test_it_keeps_to_its_description(tmp_path: Path):
    """Schemathesis draws requests that fit /openapi.json, and some that do not."""
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("schemathesis is not installed; `make test-all` installs it")
    with started(random_run(tmp_path)) as served:
        ran = subprocess.run(
            [program, "--config-file", str(Path(__file__).with_name("schemathesis.toml")), "run", "--max-examples=100",
             "--seed=1", "--generation-database=none", f"{served.address}/openapi.json"],
            capture_output=True, text=True, check=False, timeout=900, cwd=tmp_path,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout
        assert json.loads(httpx2.get(f"{served.address}/health").text) == {"status": "ok"}
