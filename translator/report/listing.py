"""The runs in a folder, as rows of a table. Neither TensorFlow nor metrics here: it answers at once."""

from pathlib import Path
from typing import Any

from translator.errors import TranslatorError, one_line
from translator.report.record import Record, runs_in
from translator.run_folder import RunFolder


def listed(folder: Path) -> list[dict[str, Any]]:
    """What `translator runs --json` prints: the runs in a folder in the order of their last starts, the newest last."""
    return sorted((listed_run(path) for path in runs_in(folder)), key=lambda row: (row["started"] or "", row["run"]))


def listed_run(path: Path) -> dict[str, Any]:
    """One run; figures that there are none of are None.

    `state` is that of `translator.report.record`, or what is wrong with the configuration.
    """
    record = Record(RunFolder(path))
    languages, state = None, str(record.state)
    try:
        sides = map(dict.fromkeys, zip(*record.config.data.pairs, strict=True))
        languages = " → ".join(map(", ".join, sides))
    except (TranslatorError, OSError) as error:
        state = f"damaged: {one_line(str(error))}"
    bleu, best, started = record.scores.get("bleu"), record.best_validation, record.last_start
    intervals = record.scores.get("intervals")
    return {
        "run": str(path),
        "languages": languages,
        "state": state,
        "bleu": bleu if isinstance(bleu, float) else None,
        "bleu_interval": intervals.get("bleu") if isinstance(intervals, dict) else None,
        "test_set": record.scores.get("test_set"),
        "best_validation_bleu": best["validation_bleu"] if best else None,
        "step": _whole(record.last("step")),
        "epoch": record.last("epoch"),
        "seconds": record.last("training_seconds"),
        "target_tokens": _whole(record.last("target_tokens")),
        "parameters": record.parameters,
        "bytes": record.disk_bytes,
        "started": started.isoformat() if started else None,
    }


def _whole(figure: float | None) -> int | None:
    return None if figure is None else int(figure)
