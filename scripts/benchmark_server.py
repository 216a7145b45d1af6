"""How a server does under load: many clients at once, their answers compared with offline translations.

    python scripts/benchmark_server.py runs/multi30k_en_de --engine ctranslate2

A server is started over the run, with the engine on one core and everything else, these clients too, on another. Each
client sends a sentence of the test set, waits for its translation, and sends the next. Printed are errors, answers that
are not the offline translation of the same sentence (`different`; `swapped` if it is that of another sentence), the
sentences a second, beside those of the offline engine on one core with as large batches, and the time that clients
waited. A busy machine changes processor times less than the others.

The number of answers that differ need not be 0 for the engine `transformer`: a translation may depend on its batch, in
the last bits of its probabilities (docs/decoding-and-serving.md). Swapped ones must be 0.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Measured:
    """What clients have seen."""

    seconds: list[float] = field(default_factory=list)  # of each answer
    errors: int = 0
    different: int = 0
    swapped: int = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run folder with a test set")
    parser.add_argument("--engine", choices=["transformer", "ctranslate2"], default="transformer")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--engine-core", type=int, default=1)
    parser.add_argument("--other-core", type=int, default=0)
    parser.add_argument("--offline", type=Path, help=argparse.SUPPRESS)  # a process of its own: where to write
    given = parser.parse_args()
    if given.offline:
        _translate_offline(given)
        return 0
    sentences, translations, rate = _offline(given)
    print(f"offline, one core, batches of {given.clients}: {rate:.1f} sentences/s", flush=True)
    command = ["taskset", "-c", str(given.engine_core), sys.executable, "-m", "translator", "serve", str(given.run)]
    began = time.monotonic()
    server = subprocess.Popen([*command, "--port", "0", "--engine", given.engine], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    address = server.stdout.readline().strip()
    print(f"the server answered after {time.monotonic() - began:.1f} s", flush=True)
    # The engine's threads stay where they began; the one that speaks HTTP joins the clients.
    os.sched_setaffinity(server.pid, {given.other_core})
    os.sched_setaffinity(0, {given.other_core})
    try:
        asyncio.run(_load(given, address, sentences, translations, 2.0))  # to warm up
        before = _state(server.pid, address)
        measured = asyncio.run(_load(given, address, sentences, translations, given.seconds))
        spent = [after - earlier for after, earlier in zip(_state(server.pid, address), before, strict=True)]
    finally:
        server.send_signal(signal.SIGTERM)
        print(f"the server ended with {server.wait()}")
    _report(measured, given.seconds, rate)
    http, engine, clients, batches, translated = spent
    print(
        f"batches of {translated / batches:.1f}; processor ms for an answer: engine {1000 * engine / translated:.2f}, "
        f"HTTP {1000 * http / translated:.2f}, clients {1000 * clients / translated:.2f}"
    )
    given.clients = max(1, round(translated / batches))
    _, _, rate = _offline(given)
    online = len(measured.seconds) / given.seconds
    print(f"{online / rate:.2f} × offline in batches of {given.clients}, {rate:.1f} sentences/s")
    return int(bool(measured.errors or measured.swapped))


def _state(pid: int, address: str) -> list[float]:
    """Processor seconds of the thread that speaks HTTP, of all others, and of the clients; batches; sentences."""
    tick = os.sysconf("SC_CLK_TCK")
    seconds = {}
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        fields = path.read_text().rsplit(")", 1)[1].split()
        seconds[path.parent.name] = (int(fields[11]) + int(fields[12])) / tick
    http = seconds.pop(str(pid))
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    batches, sentences = (
        float(next(line for line in lines if line.startswith(f"translator_{name}_total{{")).split()[-1])
        for name in ("batches", "sentences")
    )
    return [http, sum(seconds.values()), time.process_time(), batches, sentences]


def _report(measured: Measured, seconds: float, offline: float) -> None:
    answers, online = len(measured.seconds), len(measured.seconds) / seconds
    print(
        f"{answers:,} answers, {measured.errors} errors, {measured.different} different, {measured.swapped} swapped\n"
        f"{online:.1f} sentences/s, {online / offline:.2f} × offline"
    )
    if answers > 1:
        cuts = statistics.quantiles(measured.seconds, n=100, method="inclusive")
        print(
            "ms: " + ", ".join(f"{name} {1000 * cuts[i]:.0f}" for name, i in (("median", 49), ("p95", 94), ("p99", 98)))
        )


async def _load(
    given: argparse.Namespace, address: str, sentences: Sequence[str], translations: Sequence[str], seconds: float
) -> Measured:
    measured, end = Measured(), time.monotonic() + seconds
    known = set(translations)

    async def client(number: int) -> None:
        place = urlsplit(address)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        i = number * len(sentences) // given.clients
        while time.monotonic() < end:
            i = (i + 1) % len(sentences)
            began = time.monotonic()
            try:
                status, body = await _ask(reader, writer, sentences[i], given)
            except (OSError, EOFError, ValueError):
                measured.errors += 1
                return
            measured.seconds.append(time.monotonic() - began)
            measured.errors += status != 200
            found = json.loads(body).get("translatedText")
            if status == 200 and found != translations[i]:
                measured.different += 1
                measured.swapped += found in known
        writer.close()

    await asyncio.gather(*map(client, range(given.clients)))
    return measured


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str, given: argparse.Namespace
) -> tuple[int, bytes]:
    """One request over a connection that stays open; the status and the body."""
    body = json.dumps({"q": text, "source": given.source, "target": given.target}).encode()
    head = (
        f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(answer.split("content-length:")[1].split("\r\n")[0])
    return int(answer.split()[1]), await reader.readexactly(length)


def _offline(given: argparse.Namespace) -> tuple[list[str], list[str], float]:
    """Sentences, their translations, and how many a second, by a process on the engine's core."""
    from translator.run_folder import RunFolder

    data = RunFolder(given.run).load_config().data
    given.source, given.target = data.source, data.target
    path = Path(f"/tmp/benchmark_server.{os.getpid()}.json")
    command = ["taskset", "-c", str(given.engine_core), sys.executable, __file__, str(given.run)]
    command += ["--engine", given.engine, "--clients", str(given.clients), "--offline", str(path)]
    subprocess.run(command, check=True)
    found = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return found["sentences"], found["translations"], found["rate"]


def _translate_offline(given: argparse.Namespace) -> None:
    from translator import Translator
    from translator.data.corpora.formats import read_all
    from translator.documents.sentences import sentence_spans
    from translator.run_folder import RunFolder

    data = RunFolder(given.run).load_config().data
    # Of lines with several sentences, the server translates each by itself.
    sentences = [
        pair.source
        for pair in read_all(data.test or (), data)
        if sentence_spans(pair.source, data.source) == [(0, len(pair.source))]
    ]
    translator = Translator.load(given.run, engine=given.engine)
    translator.batch_sentences = given.clients
    translations = translator.translate_text(sentences, None)
    began, spent = time.monotonic(), time.process_time()
    # As many at a time as there are clients: the server cannot sort more of them by length than wait.
    for start in range(0, len(sentences), given.clients):
        translator.translate_text(sentences[start : start + given.clients], None)
    rate = len(sentences) / (time.monotonic() - began)
    print(f"offline: {1000 * (time.process_time() - spent) / len(sentences):.2f} processor ms a sentence")
    result = {"sentences": sentences, "translations": translations, "rate": rate}
    given.offline.write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
