"""Run folders with what a training records, written by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from translator.config.load import save_config
from translator.config.schema import Config
from translator.data.corpora.base import SentencePair
from translator.evaluation.report import Report
from translator.evaluation.scores import score
from translator.report.charts import HeatMap
from translator.run_folder import RunFolder

NASTY = "<script>alert('&')</script>"
START = "translator 0.2.0: translator train numbers.yaml"
LOG = [
    START,
    "runs/x: starting; 29,000 pairs; 12 parameters",
    "step 50  epoch 0.3  loss 4.000  ppl 54.60",
    "warning: a.en:7: the source is long",
    "warning: step 60: the loss or its gradient is NaN or infinite; skipped this update by 2 pairs, among them",
    "    a.en:1: one  |  eins",
    "    a.en:2: two  |  zwei",
    "step 100: validation loss 3.000, nll 2.000, BLEU 5.00  (best so far)",
    "error: a.en:8 is not UTF-8",
    START,
    "runs/x: resuming after step 100; 29,000 pairs",
    "step 150  epoch 1.0  loss 3.000  ppl 20.09",
    "training ended after step 150: train.max_steps 150 is reached",
    "test set: BLEU 33.31, chrF 57.63, TER 51.41",
]
ROWS: list[dict[str, Any]] = [
    {"step": 50, "epoch": 0.3, "loss": 4.0, "nll": 3.5, "gradient_norm": 2.0, "learning_rate": 0.001,
     "target_tokens": 1000, "training_seconds": 10.0, "target_tokens_per_second": 100.0, "skipped_steps": 0},
    {"step": 100, "validation_loss": 3.0, "validation_nll": 2.0, "validation_bleu": 5.0, "validation_seconds": 4.0},
    {"step": 150, "epoch": 1.0, "loss": 3.0, "nll": 2.5, "gradient_norm": 1.0, "learning_rate": 0.002,
     "target_tokens": 3000, "training_seconds": 34.0, "target_tokens_per_second": 120.0, "skipped_steps": 1},
    {"step": 150, "validation_loss": 2.5, "validation_nll": 1.5, "validation_bleu": 4.0, "validation_seconds": 6.0},
]  # fmt: skip
SOURCES = [f"one {NASTY}", "two dogs", "three"]
REFERENCES = ["eins", "zwei Hunde", f"drei {NASTY}"]
HYPOTHESES = [f"eins {NASTY}", "zwei Katzen", f"drei {NASTY}"]


def make_config(**train: Any) -> Config:
    return Config.model_validate(
        {
            "data": {"source": "en", "target": "de", "train": "a.{lang}", "validation": "b.{lang}", "test": "c.{lang}"},
            "model": {"d_model": 8, "num_heads": 2},
            "train": {"max_steps": 150, **train},
        }
    )


def make_run(folder: Path, rows: list[dict[str, Any]] = ROWS, log: list[str] = LOG) -> RunFolder:
    """A run that has been started, whose model is not there yet."""
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    save_config(make_config(), run.config)
    run.metrics.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    run.log.write_text("".join(f"2026-11-27 17:34:56+00:00  {line}\n" for line in log), encoding="utf-8")
    processor = {"model": "AMD EPYC", "cores": 2, "usable_cores": 1}
    (folder / "tokenizer.source.model").touch()
    (run.checkpoints / "step-00000000").mkdir(parents=True)
    start = {"started": "2026-11-27T17:34:56+00:00", "command": f"translator train {NASTY}", "processor": processor}
    run.environment.write_text(json.dumps([start]), encoding="utf-8")
    return run


def finish(run: RunFolder) -> None:
    """The model is there."""
    run.model.parent.mkdir()
    safetensors.numpy.save_file({"a": np.zeros([3, 4], np.float32), "b": np.zeros([5], np.float32)}, run.model)


def score_run(run: RunFolder, hypotheses: list[str] = HYPOTHESES) -> Report:
    """The test set has been translated."""
    pairs = list(map(SentencePair, SOURCES, REFERENCES))
    report = Report(pairs, hypotheses, score(hypotheses, REFERENCES, "de"), 1.0, 9)
    report.write(run.report)
    return report


def make_scored_run(folder: Path) -> RunFolder:
    """A run that is done, with the attention of one sentence."""
    run = make_run(folder)
    finish(run)
    score_run(run)
    rows, columns = ["drei", NASTY, "</s>"], ["three", "</s>"]
    seen = HeatMap("three", f"drei {NASTY}", rows, columns, [[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    run.attention.write_text(json.dumps([seen._asdict()]), encoding="utf-8")
    return run
