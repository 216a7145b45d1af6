"""How fast training is beside its peers on the CPU: OpenNMT-tf 2.32 (TensorFlow) and JoeyNMT 2.3 (PyTorch).

    python scripts/benchmark_peers.py --data data/multi30k
    python scripts/benchmark_peers.py --to-bleu 30 --peers opennmt-tf --threads 2

Each system trains the same model on the same text (Multi30k, English to German) with the same SentencePiece vocabulary,
budget of tokens a batch, optimizer and learning rates, held to the same cores; in turns (A B C A B C …), each time from
nothing in a process of its own. Printed are medians over the turns, and their ratios to ours:

- target tokens a second, padding not counted and ends of sentences counted, as all of them count. The `--warm-up` after
  the first step, in which kernels are made for new shapes, is left out;
- seconds from the start of the process to the end of its first step: imports, corpus, model, tracing;
- the most memory that the process held.

`--to-bleu 30` measures the minutes from raw text to a validation BLEU of 30 instead: greedy search, detokenized, cased,
13a, as each validates itself with sacreBLEU. Everything counts: vocabulary, tracing, validations, checkpoints.

What differs is what cannot be made equal, or is each system's own way. Our matrix products are in bfloat16 (`--peers
translator-float32 …` adds ourselves without), theirs in float32. JoeyNMT has dropout inside attention and feed-forward
layers too. OpenNMT-tf and we make batches of pairs of like length, JoeyNMT of any.

The peers' virtual environments, four gigabytes, are made in `--folder` the first time. Where pip would take a build of
PyTorch for CUDA, which is gigabytes more, point it at the CPU builds (PIP_EXTRA_INDEX_URL).
"""

import argparse
import gzip
import itertools
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from translator.config.load import load_config
from translator.data.prepare import prepare_tokenizers
from translator.errors import TranslatorError
from translator.run_folder import RunFolder
from translator.vocabulary import UNK_ID

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "multi30k_en_de.yaml"
SOURCE, TARGET = "en", "de"
D_MODEL, D_FF, NUM_HEADS, NUM_LAYERS = 256, 1024, 4, 3
DROPOUT = LABEL_SMOOTHING = 0.1
BATCH_TOKENS, VOCABULARY_SIZE = 4096, 8000
VALIDATION_SENTENCES = 64  # translated together
NEVER = 10**9  # steps

PACKAGES = {
    # The newest TensorFlow below 2.14, OpenNMT-tf's limit, that tensorflow-text has a wheel beside for Python 3.11.
    "opennmt-tf": ["OpenNMT-tf==2.32.0", "tensorflow==2.12.1", "tensorflow-text==2.12.1"],
    # JoeyNMT imports importlib_metadata without declaring it, and calls what SentencePiece has no more by 0.2.3.
    "joeynmt": ["joeynmt==2.3.0", "torch==2.13.0", "importlib_metadata", "sentencepiece==0.2.1"],
}


class BenchmarkError(Exception):
    """A system that could not be installed or trained."""


@dataclass(frozen=True)
class Task:
    """What a system is to train, and where."""

    data: Path  # the corpus, as it was downloaded
    folder: Path
    learning_rate: float
    warmup_steps: int
    validate_every_steps: int | None  # None never does, and reports every step instead
    threads: int = 1

    @property
    def text(self) -> Path:
        """The corpus, unzipped."""
        return self.folder / "text"

    @property
    def vocabulary(self) -> RunFolder:
        """SentencePiece's model, and lists of its subwords for the peers."""
        return RunFolder(self.folder / "vocabulary")

    @property
    def work(self) -> Path:
        """Where a system works; emptied before each."""
        return self.folder / "work"

    @property
    def report_every_steps(self) -> int:
        return self.validate_every_steps or 1


@dataclass(frozen=True)
class System:
    """A trainer: how it is started, and where and how it tells how it gets on."""

    start: Callable[[Task], list[str]]  # writes what it needs and returns the command
    log: str
    tokens_per_second: str  # a pattern with one group: target tokens, without padding
    bleu: str


class Event(NamedTuple):
    """Something that a system told."""

    seconds: float  # since the measurement began
    value: float


@dataclass
class Run:
    """What came of a process so far."""

    rates: list[Event] = field(default_factory=list)
    scores: list[Event] = field(default_factory=list)
    peak_gb: float = 0.0


class Speed(NamedTuple):
    """A turn's figures."""

    tokens_per_second: float
    first_step_seconds: float
    peak_gb: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/multi30k"), help="default: %(default)s")
    parser.add_argument("--peers", nargs="*", choices=list(SYSTEMS)[1:], default=["opennmt-tf", "joeynmt"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="cores to be held to")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--warm-up", type=float, default=45, help="seconds of a turn, after its first step")
    parser.add_argument("--seconds", type=float, default=60, help="seconds of a turn that are measured")
    parser.add_argument("--to-bleu", type=float, metavar="BLEU", help="measure the minutes to this validation BLEU")
    parser.add_argument("--limit-minutes", type=float, default=60, help="for each system's way to that BLEU")
    parser.add_argument("--validate-every-steps", type=int, default=100, help="on that way")
    parser.add_argument("--learning-rate", type=float, default=0.001, help="at its peak")
    parser.add_argument("--warmup-steps", type=int, default=400, help="of the learning rate")
    parser.add_argument("--folder", type=Path, default=Path("build/peers"), help="for environments and work files")
    parser.add_argument("--python", default="python3.11", help="for the peers; OpenNMT-tf needs 3.11 or older")
    given = parser.parse_args()
    validate_every = given.validate_every_steps if given.to_bleu else None
    task = Task(given.data.resolve(), given.folder.resolve(), given.learning_rate, given.warmup_steps, validate_every)
    try:
        for peer in given.peers:
            _install(peer, task.folder / peer, given.python)
        _unzip(task)
        if given.to_bleu:
            _compare_quality(task, given)
        else:
            _compare_speed(task, given)
    except (BenchmarkError, TranslatorError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _compare_speed(task: Task, given: argparse.Namespace) -> None:
    _learn_vocabulary(task)
    turns: dict[tuple[int, str], list[Speed]] = {
        (threads, name): [] for threads in given.threads for name in ("translator", *given.peers)
    }
    for turn in range(given.turns):
        for (threads, name), speeds in turns.items():
            speeds.append(speed := _speed(SYSTEMS[name], replace(task, threads=threads), given.warm_up, given.seconds))
            print(
                f"turn {turn + 1}, {threads} threads, {name}: {speed.tokens_per_second:,.0f} target tok/s, first step "
                f"after {speed.first_step_seconds:.1f} s, {speed.peak_gb:.2f} GB",
                flush=True,
            )
    print(f"\n{'threads':8}{'system':20}{'target tok/s':>20}{'first step, s':>20}{'peak memory, GB':>20}")
    medians = {key: Speed(*map(statistics.median, zip(*speeds, strict=True))) for key, speeds in turns.items()}
    for (threads, name), speed in medians.items():
        ratios = [f"({theirs / ours:.2f}×)" for theirs, ours in zip(speed, medians[threads, "translator"], strict=True)]
        figures = f"{speed.tokens_per_second:,.0f}", f"{speed.first_step_seconds:.1f}", f"{speed.peak_gb:.2f}"
        columns = (f"{f'{figure} {ratio}':>20}" for figure, ratio in zip(figures, ratios, strict=True))
        print(f"{threads:<8}{name:20}{''.join(columns)}")


def _speed(system: System, task: Task, warm_up: float, seconds: float) -> Speed:
    """Trains for a while and returns the figures."""

    def enough(run: Run) -> bool:
        return bool(run.rates) and run.rates[-1].seconds - run.rates[0].seconds >= warm_up + seconds

    with _held_to(task.threads):
        run = _train(system, task, time.monotonic(), enough)
    return Speed(steady_rate(run.rates, warm_up), run.rates[0].seconds, run.peak_gb)


def steady_rate(rates: Sequence[Event], warm_up: float) -> float:
    """Mean of the rates told, each for the time since the one before, from `warm_up` seconds after the first on."""
    spans = [
        (event.seconds - before.seconds, event.value)
        for before, event in itertools.pairwise(rates)
        if before.seconds >= rates[0].seconds + warm_up
    ]
    if not spans:
        raise BenchmarkError("no step began and ended in the time that is measured; raise --seconds")
    return sum(span * rate for span, rate in spans) / sum(span for span, _ in spans)


def _compare_quality(task: Task, given: argparse.Namespace) -> None:
    minutes = {
        (threads, name): _minutes_to_bleu(given.to_bleu, name, replace(task, threads=threads), given.limit_minutes)
        for threads in given.threads
        for name in ("translator", *given.peers)
    }
    heading = f"minutes to {given.to_bleu:g} BLEU"
    print(f"\n{'threads':8}{'system':20}{heading:>24}")
    for (threads, name), theirs in minutes.items():
        ours = minutes[threads, "translator"]
        ratio = f" ({theirs / ours:.2f}×)" if theirs and ours else ""
        print(f"{threads:<8}{name:20}{f'{theirs:.1f}{ratio}' if theirs else 'not reached':>24}")


def _minutes_to_bleu(bleu: float, name: str, task: Task, limit_minutes: float) -> float | None:
    """Trains from raw text until a validation is good enough; None if none is within the limit."""
    shown = 0

    def enough(run: Run) -> bool:
        nonlocal shown
        for seconds, score in run.scores[shown:]:
            print(f"{task.threads} threads, {name}, {seconds / 60:.2f} min: BLEU {score:.2f}", flush=True)
        shown = len(run.scores)
        return _reached(bleu, run) or time.monotonic() - began > limit_minutes * 60

    with _held_to(task.threads):
        began = time.monotonic()
        if not name.startswith("translator"):  # we learn it in training
            _learn_vocabulary(task)
        run = _train(SYSTEMS[name], task, began, enough)
    return run.scores[-1].seconds / 60 if _reached(bleu, run) else None


def _reached(bleu: float, run: Run) -> bool:
    return bool(run.scores) and run.scores[-1].value >= bleu


@contextmanager
def _held_to(threads: int) -> Iterator[None]:
    """Holds this process, and those that it starts, to so many cores."""
    cores = os.sched_getaffinity(0)
    if threads > len(cores):
        raise BenchmarkError(f"--threads {threads} is more than the cores that there are, {len(cores)}")
    os.sched_setaffinity(0, sorted(cores)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _train(system: System, task: Task, began: float, enough: Callable[[Run], bool]) -> Run:
    """Starts a system and listens until there is enough, then ends it."""
    shutil.rmtree(task.work, ignore_errors=True)  # JoeyNMT would not start over what another start left
    task.work.mkdir(parents=True)
    command, output = system.start(task), task.work / "output"
    environment = os.environ | {"OMP_NUM_THREADS": str(task.threads), "CUDA_VISIBLE_DEVICES": "-1"}
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=task.work, env=environment, stdout=file, stderr=file)
    run, lines = Run(), _new_lines(task.work / system.log)
    try:
        while not enough(run):
            if process.poll() is not None:
                last = output.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
                raise BenchmarkError("\n".join([*last, f"{command[0]} ended early; {output} has all that it said"]))
            run.peak_gb = _peak_gb(process.pid) or run.peak_gb
            for line in next(lines):
                for pattern, events in ((system.tokens_per_second, run.rates), (system.bleu, run.scores)):
                    if found := re.search(pattern, line):
                        events.append(Event(time.monotonic() - began, float(found[1])))
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    return run


def _new_lines(path: Path) -> Iterator[list[str]]:
    """Whole lines that came to a file since it was last asked for; the file may not be there yet."""
    place = 0
    while True:
        new = b""
        if path.exists():
            with path.open("rb") as file:
                file.seek(place)
                new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        place += len(whole)
        yield whole.decode("utf-8", errors="replace").splitlines()


def _peak_gb(pid: int) -> float | None:
    """The most that a process has held in memory; each system is one process. None if it has just ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found[1]) * 1024 / 1e9 if found else None


def _install(name: str, folder: Path, python: str) -> None:
    """Makes a peer's virtual environment, unless it is there and whole."""
    packages, made = PACKAGES.get(name, []), folder / "made"
    if not packages or (made.is_file() and made.read_text(encoding="utf-8").split() == packages):
        return
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: making a virtual environment in {folder}", flush=True)
    try:
        subprocess.run([python, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *packages], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchmarkError(f"{name} could not be installed: {error}") from error
    made.write_text("\n".join(packages), encoding="utf-8")


def _unzip(task: Task) -> None:
    task.text.mkdir(parents=True, exist_ok=True)
    for name in (f"{split}.{language}" for split in ("train", "val") for language in (SOURCE, TARGET)):
        try:
            (task.text / name).write_bytes(gzip.decompress((task.data / f"{name}.gz").read_bytes()))
        except OSError as error:
            raise BenchmarkError(f"{error}; scripts/download_multi30k.py fetches Multi30k") from error


def _learn_vocabulary(task: Task) -> None:
    """Trains SentencePiece as our training does, and lists its subwords for the peers."""
    folder = task.vocabulary
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.path.mkdir(parents=True)
    tokenizer, _ = prepare_tokenizers(load_config(CONFIG, _settings(task)), folder)
    pieces = tokenizer.pieces(range(UNK_ID + 1, tokenizer.vocabulary_size))
    # Each peer adds those of its special ones that its list lacks.
    for name, special in (("opennmt-tf", ["<blank>", "<s>", "</s>"]), ("joeynmt", [])):
        (folder.path / name).write_text("".join(f"{piece}\n" for piece in [*special, *pieces]), encoding="utf-8")


def _settings(task: Task) -> list[str]:
    return [
        f"data={{root: {task.data}, source: {SOURCE}, target: {TARGET}}}",
        f"tokenizer={{vocabulary_size: {VOCABULARY_SIZE}, target_normalization: nmt_nfkc}}",  # one model for both sides
        f"model={{d_model: {D_MODEL}, d_ff: {D_FF}, num_heads: {NUM_HEADS}, encoder_layers: {NUM_LAYERS}, "
        f"decoder_layers: {NUM_LAYERS}, norm: pre, tied_embeddings: all, dropout: {DROPOUT}}}",
        f"train={{batch_tokens: {BATCH_TOKENS}, label_smoothing: {LABEL_SMOOTHING}, optimizer_betas: [0.9, 0.98], "
        f"schedule: inverse_sqrt, learning_rate: {task.learning_rate}, warmup_steps: {task.warmup_steps}, "
        f"max_steps: {NEVER}, max_epochs: null, max_minutes: null, log_every_steps: {task.report_every_steps}, "
        f"validate_every_steps: {task.validate_every_steps or NEVER}}}",
    ]


def _start_translator(task: Task, precision: str) -> list[str]:
    settings, run = [*_settings(task), f"train.precision={precision}"], RunFolder(task.work / "run")
    if task.validate_every_steps is None:
        run.claim(load_config(CONFIG, settings))
        for side in ("source", "target"):
            shutil.copy(task.vocabulary.tokenizer(side), run.path)
    return [sys.executable, "-m", "translator", "train", str(CONFIG), "--run", str(run.path), "--set", *settings]


def _start_opennmt_tf(task: Task) -> list[str]:
    config = f"""
        model_dir: {task.work}/run
        data:
          train_features_file: {task.text}/train.{SOURCE}
          train_labels_file: {task.text}/train.{TARGET}
          eval_features_file: {task.text}/val.{SOURCE}
          eval_labels_file: {task.text}/val.{TARGET}
          source_vocabulary: {task.vocabulary.path}/opennmt-tf
          target_vocabulary: {task.vocabulary.path}/opennmt-tf
          source_tokenization: &sentencepiece
            type: SentencePieceTokenizer
            params:
              model: {task.vocabulary.tokenizer("source")}
          target_tokenization: *sentencepiece
        params:
          optimizer: Adam
          optimizer_params: {{beta_1: 0.9, beta_2: 0.98}}
          decay_type: NoamDecay
          decay_params: {{model_dim: {D_MODEL}, warmup_steps: {task.warmup_steps}}}
          learning_rate: {task.learning_rate * math.sqrt(D_MODEL * task.warmup_steps)}  # a factor of the peak
          label_smoothing: {LABEL_SMOOTHING}
          maximum_decoding_length: 100  # 250 by default: early models never end a sentence
        train:
          batch_type: tokens
          batch_size: {BATCH_TOKENS}
          sample_buffer_size: -1  # shuffles the whole corpus
          save_summary_steps: {task.report_every_steps}
          save_checkpoints_steps: {task.validate_every_steps or NEVER}
          keep_checkpoint_max: 2
        eval:
          steps: {task.validate_every_steps or NEVER}
          scorers: bleu
          batch_size: {VALIDATION_SENTENCES}
          length_bucket_width: 5
    """
    model = f"""
        from opennmt.models import EmbeddingsSharingLevel, Transformer

        def model():
            return Transformer(
                num_layers={NUM_LAYERS}, num_units={D_MODEL}, num_heads={NUM_HEADS}, ffn_inner_dim={D_FF},
                dropout={DROPOUT}, attention_dropout=0.0, ffn_dropout=0.0,
                pre_norm=True, share_embeddings=EmbeddingsSharingLevel.ALL,
            )
    """
    (task.work / "config.yaml").write_text(dedent(config), encoding="utf-8")
    (task.work / "model.py").write_text(dedent(model), encoding="utf-8")
    command = f"""
        {task.folder}/opennmt-tf/bin/onmt-main --config config.yaml --model model.py
        --intra_op_parallelism_threads {task.threads} --inter_op_parallelism_threads {task.threads} train
    """
    return [*command.split(), *(["--with_eval"] if task.validate_every_steps else [])]


def _start_joeynmt(task: Task) -> list[str]:
    def side(language: str) -> str:
        model = task.vocabulary.tokenizer("source")
        return (
            f"{{lang: {language}, level: bpe, tokenizer_type: sentencepiece, tokenizer_cfg: {{model_file: {model}}}, "
            f"voc_file: {task.vocabulary.path}/joeynmt}}"
        )

    layers = (
        f"{{type: transformer, num_layers: {NUM_LAYERS}, num_heads: {NUM_HEADS}, hidden_size: {D_MODEL}, "
        f"ff_size: {D_FF}, dropout: {DROPOUT}, layer_norm: pre, "
        f"embeddings: {{embedding_dim: {D_MODEL}, scale: true, dropout: {DROPOUT}}}}}"
    )
    config = f"""
        name: multi30k
        model_dir: {task.work}/run
        use_cuda: false
        data:
          train: {task.text}/train
          dev: {task.text}/val
          dataset_type: plain
          src: {side(SOURCE)}
          trg: {side(TARGET)}
        model:
          tied_embeddings: true
          tied_softmax: true
          encoder: {layers}
          decoder: {layers}
        training:
          optimizer: adam
          adam_betas: [0.9, 0.98]
          scheduling: warmupinversesquareroot
          learning_rate: {task.learning_rate}
          learning_rate_warmup: {task.warmup_steps}
          learning_rate_min: 1.0e-9  # at a lower one it ends
          label_smoothing: {LABEL_SMOOTHING}
          normalization: tokens
          batch_type: token
          batch_size: {BATCH_TOKENS}
          epochs: {NEVER}
          logging_freq: {task.report_every_steps}
          validation_freq: {task.validate_every_steps or NEVER}
          early_stopping_metric: bleu
          keep_best_ckpts: 1
        testing:
          eval_metrics: [bleu]
          batch_size: {VALIDATION_SENTENCES}
          max_output_length: 100
    """
    (task.work / "config.yaml").write_text(dedent(config), encoding="utf-8")
    return [f"{task.folder}/joeynmt/bin/python", "-m", "joeynmt", "train", "config.yaml", "--skip-test"]


OUR_LOG = "run/metrics.jsonl", r'"target_tokens_per_second": ([\d.e+]+)', r'"validation_bleu": ([\d.e+]+)'
SYSTEMS = {
    "translator": System(partial(_start_translator, precision="bfloat16"), *OUR_LOG),
    "translator-float32": System(partial(_start_translator, precision="float32"), *OUR_LOG),
    "opennmt-tf": System(
        _start_opennmt_tf, "output", r"Step = \d+ ; .*?(\d+) target", r"Evaluation result .* bleu = ([\d.]+)"
    ),
    "joeynmt": System(
        _start_joeynmt, "output", r"Step: .* Tokens per Sec: +(\d+)", r"Evaluation result .* bleu: +([\d.]+)"
    ),
}


if __name__ == "__main__":
    sys.exit(main())
