"""How fast translating is beside CTranslate2, with the same weights, on the CPU.

    python scripts/benchmark_decoding.py runs/multi30k_en_de
    python scripts/benchmark_decoding.py --random base --sentences 128 --batches 32 64 --alone 20

The first takes a run's model and as many sentences of its test set as `--sentences` says. The second takes random
weights of the paper's base size (d_model 512, 6 + 6 layers, 32,000 subwords) and random sentences; all its translations
are 24 tokens long, in all systems. Ids go in and come out: tokenizing is left out.

Systems take turns (A B C A B C …), each time in a process of its own, held to so many cores. A row is printed for each
turn, so that one sees what the machine's other work does to the figures, and then the medians:

- sentences a second with each size of batch, of sentences of like length, after a first pass that is not counted;
- one sentence at a time: the first that the process translates, compilation included; then the median and the 95th
  percentile, after a warm-up;
- the most memory that the process held;
- BLEU, with a run; the share of translations that are the first system's; and the share that comes out the same alone
  as in the first size of batch.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Ids = list[int]
Translate = Callable[[Sequence[Ids], int], list[Ids]]  # (sentences, how many at a time) -> the best translations
VOCABULARY, LENGTH = 32_000, 24  # of the random model, and of all its translations
POSITIONS = 1024  # more than any sentence here has
WARM_UP = 5  # sentences that are translated alone before those that are measured
SYSTEMS = "translator", "translator-xla", "translator-bfloat16", "ctranslate2", "ctranslate2-int8"


class Task(NamedTuple):
    """What a process is to measure."""

    folder: str  # holds sources.json and the model for CTranslate2
    run: str | None  # None is the random model
    system: str
    beam: int
    batches: list[int]
    alone: int
    threads: int


class Measured(NamedTuple):
    """What a process has measured."""

    rates: list[float]  # sentences a second, for each size of batch
    first: float  # seconds
    median: float
    percentile_95: float
    peak_gb: float
    translations: list[Ids]
    alone_the_same: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("run", nargs="?", type=Path, help="a run folder")
    model.add_argument("--random", choices=["base"], help="a model with random weights")
    model.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=["translator", "ctranslate2", "ctranslate2-int8"]
    )
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 128, 256], help="sentences in a batch")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="cores to be held to")
    parser.add_argument("--first-core", type=int, default=0, help="the first of them")
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--alone", type=int, default=100, help="sentences that are translated one at a time")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("build/decoding"), help="for work files")
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if given.worker:
        print(json.dumps(_measure(Task(*given.worker))))
        return 0
    shutil.rmtree(given.folder, ignore_errors=True)
    given.folder.mkdir(parents=True)
    bleu_of = _prepare(given)
    for threads in given.threads:
        for beam in given.beams:
            _race(given, threads, beam, bleu_of)
    return 0


def _prepare(given: argparse.Namespace) -> Callable[[list[Ids]], float] | None:
    """Writes the sentences' ids and the model for CTranslate2; returns what scores translations, of a run."""
    bleu_of = None
    if given.run is None:
        rng = np.random.default_rng(1)
        sources = [rng.integers(4, VOCABULARY, rng.integers(8, 40)).tolist() for _ in range(given.sentences)]
    else:
        from translator import Translator
        from translator.data.corpora.formats import read_all
        from translator.evaluation.scores import corpus_bleu
        from translator.run_folder import RunFolder

        translator, data = Translator.load(given.run), RunFolder(given.run).load_config().data
        pairs = read_all(data.test or (), data)[: given.sentences]
        sources = [list(ids) for ids in translator.source.encode([pair.source for pair in pairs])]
        references = [pair.target for pair in pairs]

        def bleu_of(translations: list[Ids]) -> float:
            return corpus_bleu(translator.target.decode(translations), references, data.target)

    (given.folder / "sources.json").write_text(json.dumps(sources), encoding="utf-8")
    _convert(_model(given.run), given.folder / "ctranslate2")
    return bleu_of


def _race(given: argparse.Namespace, threads: int, beam: int, bleu_of: Callable[[list[Ids]], float] | None) -> None:
    print(
        f"\n{threads} threads, beam {beam}; sentences/s by batch of {given.batches} | "
        "ms of one alone: first, median, p95 | memory"
    )
    turns: dict[str, list[Measured]] = {system: [] for system in given.systems}
    for _ in range(given.turns):
        for system, measured in turns.items():
            task = Task(
                str(given.folder), given.run and str(given.run), system, beam, given.batches, given.alone, threads
            )
            measured.append(_in_a_process(task, given.first_core))
            print(f"  {system:18}{_row(measured[-1])}", flush=True)
    reference = turns[given.systems[0]][0].translations
    for system, measured in turns.items():
        medians = _medians(measured)
        equal = np.mean([a == b for a, b in zip(medians.translations, reference, strict=True)])
        bleu = f", BLEU {bleu_of(medians.translations):.2f}" if bleu_of else ""
        print(
            f"{system:20}{_row(medians)}{bleu}; {equal:.3f} as {given.systems[0]}; "
            f"{medians.alone_the_same:.3f} the same alone",
            flush=True,
        )


def _medians(turns: Sequence[Measured]) -> Measured:
    """Of the numbers; the translations of a system are the same in each turn."""
    return turns[0]._replace(
        rates=[statistics.median(rates) for rates in zip(*(turn.rates for turn in turns), strict=True)],
        first=statistics.median(turn.first for turn in turns),
        median=statistics.median(turn.median for turn in turns),
        percentile_95=statistics.median(turn.percentile_95 for turn in turns),
        peak_gb=statistics.median(turn.peak_gb for turn in turns),
    )


def _row(measured: Measured) -> str:
    rates = "".join(f"{rate:9.1f}" for rate in measured.rates)
    alone = "".join(f"{1000 * each:9.1f}" for each in (measured.first, measured.median, measured.percentile_95))
    return f"{rates} |{alone} | {measured.peak_gb:.2f} GB"


def _in_a_process(task: Task, first_core: int) -> Measured:
    cores = f"{first_core}-{first_core + task.threads - 1}"
    command = ["taskset", "-c", cores, sys.executable, __file__, "--worker", json.dumps(task)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return Measured(*json.loads(done.stdout.splitlines()[-1]))


def _measure(task: Task) -> Measured:
    sources = _sources(task)
    translate = _ours(task) if task.system.startswith("translator") else _ctranslate2(task)
    first, _ = _timed(translate, sources[:1], 1)
    translations = translate(sources, task.batches[0])
    rates = []
    for batch in task.batches:
        translate(sources, batch)
        rates.append(len(sources) / _timed(translate, sources, batch)[0])
    for source in sources[:WARM_UP]:
        translate([source], 1)
    timed = [_timed(translate, [source], 1) for source in sources[: task.alone]]
    seconds = [each for each, _ in timed]
    same = float(np.mean([a == b for (_, [a]), b in zip(timed, translations, strict=False)]))
    median, percentile_95 = np.percentile(seconds, [50, 95]).tolist()
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return Measured(rates, first, median, percentile_95, peak_gb, translations, same)


def _timed(translate: Translate, sources: Sequence[Ids], batch: int) -> tuple[float, list[Ids]]:
    """Seconds, and the translations."""
    began = time.perf_counter()
    translations = translate(sources, batch)
    return time.perf_counter() - began, translations


def _ours(task: Task) -> Translate:
    import tensorflow as tf

    from translator.data.batches import length_sorted
    from translator.decoding.engines.transformer import TransformerEngine
    from translator.decoding.options import SearchOptions

    tf.config.threading.set_intra_op_parallelism_threads(task.threads)
    tf.config.threading.set_inter_op_parallelism_threads(task.threads)
    model = _model(task.run)
    engine = TransformerEngine(_in_bfloat16(model) if task.system.endswith("bfloat16") else model)
    options = SearchOptions(task.beam, 1.0, 0.0, max_length_margin=_limit(task), xla=task.system.endswith("xla"))

    def translate(sources: Sequence[Ids], batch: int) -> list[Ids]:
        found: dict[int, Ids] = {}
        for places in length_sorted(list(sources), batch):
            hypotheses = engine.search([sources[i] for i in places], options)
            found |= {i: list(best.ids) for i, (best, *_) in zip(places, hypotheses, strict=True)}
        return [found[i] for i in range(len(sources))]

    return translate


def _ctranslate2(task: Task) -> Translate:
    import ctranslate2

    engine = ctranslate2.Translator(
        f"{task.folder}/ctranslate2",
        "cpu",
        compute_type="int8" if task.system.endswith("int8") else "float32",
        intra_threads=task.threads,
    )

    limit = _limit(task)

    def translate(sources: Sequence[Ids], batch: int) -> list[Ids]:
        results = engine.translate_batch(
            [[str(i) for i in source] for source in sources],
            max_batch_size=batch,
            beam_size=task.beam,
            min_decoding_length=0 if task.run else LENGTH,
            max_decoding_length=limit,
            max_input_length=0,
            suppress_sequences=[["0"], ["1"], ["3"]],  # PAD, BOS and UNK, which we never write
        )
        return [[int(token) for token in result.hypotheses[0]] for result in results]

    return translate


def _limit(task: Task) -> int:
    """The longest that a translation may be: one for all sentences, as CTranslate2 has it."""
    return 2 * max(map(len, _sources(task))) + 20 if task.run else LENGTH


def _sources(task: Task) -> list[Ids]:
    return json.loads((Path(task.folder) / "sources.json").read_text(encoding="utf-8"))


def _model(run: Path | str | None) -> Any:
    if run:
        from translator import Translator

        return Translator.load(run).transformer.model
    import keras

    from translator.config.schema import ModelConfig
    from translator.model.transformer import Transformer

    keras.utils.set_random_seed(1)
    base = ModelConfig(d_model=512, d_ff=2048, num_heads=8, encoder_layers=6, decoder_layers=6, tied_embeddings="all")
    return Transformer(base, VOCABULARY, VOCABULARY, max_positions=256)


def _in_bfloat16(model: Any) -> Any:
    """The model with the same weights, and with products and activations in bfloat16."""
    from translator.model.transformer import Transformer

    source, target = model.source_embedding.vocabulary_size, model.target_embedding.vocabulary_size
    narrow = Transformer(model.config, source, target, POSITIONS, "bfloat16")
    weights = model.named_weights()
    for name, variable in narrow.named_weights().items():
        variable.assign(weights[name])
    return narrow


def _convert(model: Any, folder: Path) -> None:
    """Writes a Transformer as a CTranslate2 model whose tokens are the ids, as text."""
    from translator.export.ctranslate2 import specification

    source, target = (
        [str(i) for i in range(each.vocabulary_size)] for each in (model.source_embedding, model.target_embedding)
    )
    spec = specification(model, source, target, POSITIONS)
    spec.optimize()
    folder.mkdir()
    spec.save(str(folder))


if __name__ == "__main__":
    sys.exit(main())
