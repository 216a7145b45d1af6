"""Writes the page of a run: for `translator report`, while it trains, and when it ends, however it ends."""

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from translator.errors import one_line
from translator.evaluation.report import Report
from translator.files import read_file, write_file
from translator.report.charts import HeatMap
from translator.report.facts import Facts
from translator.report.run_page import run_page
from translator.run_folder import RunFolder

log = logging.getLogger(__name__)


def write_page(run: RunFolder, is_open: bool | None = None) -> Path:
    """Writes `report/index.html` from what the run has recorded.

    Args:
        run: its folder.
        is_open: whether a process is at work in the folder; None to look.

    Raises:
        RunError: the folder is not a run.
        OSError: the page cannot be written.
    """
    facts = Facts.of(run, is_open)
    text = run_page(facts, kept_attention(run, facts.report))
    run.report.mkdir(parents=True, exist_ok=True)
    write_file(run.page, text.encode())
    return run.page


def kept_attention(run: RunFolder, report: Report | None) -> list[HeatMap]:
    """What is in `report/attention.json`, as far as it is of the translations in the report."""
    if report is None:
        return []
    translations = set(zip((pair.source for pair in report.pairs), report.hypotheses, strict=True))
    try:
        kept = [HeatMap(**each) for each in json.loads(read_file(run.attention))]
        shapes = [np.asarray(each.weights, np.float64).shape for each in kept]
    except (OSError, ValueError, TypeError):
        return []
    return [
        each
        for each, shape in zip(kept, shapes, strict=True)
        if (each.source, each.target) in translations and shape == (len(each.rows), len(each.columns))
    ]


def try_to_write_page(run: RunFolder, is_open: bool | None = None) -> bool:
    """`write_page`, where a page is less than what it is about; that it cannot be written is a warning."""
    try:
        write_page(run, is_open)
    except Exception as error:
        log.warning("%s cannot be written: %s", run.page, one_line(str(error)))
        return False
    return True


@contextlib.contextmanager
def page_left_behind(run: RunFolder) -> Iterator[None]:
    """Writes the page at the end of a block, however that ends."""
    try:
        yield
    finally:
        try_to_write_page(run, is_open=False)


class LivePage:
    """Renews the page of a run at each of its validations, as one of its logs; never stops the training."""

    def __init__(self, run: RunFolder) -> None:
        self._run, self._works = run, True

    def write(self, row: dict[str, Any], pictures: Mapping[str, bytes] | None = None) -> None:
        """Writes the page after a row of a validation; the first that cannot be written is the last that is tried."""
        if self._works and "validation_seconds" in row:
            self._works = try_to_write_page(self._run, is_open=True)

    def close(self) -> None:
        """Nothing is held back."""
