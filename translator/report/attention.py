"""What a run's model looks at in a few sentences of its test set, kept for the page."""

import json
import logging

import numpy as np

from translator.decoding.translator import Translator
from translator.errors import one_line
from translator.evaluation.report import Report
from translator.files import write_file
from translator.inspect.attention_reader import AttentionReader
from translator.inspect.plots import is_right_to_left
from translator.languages import LanguagePair
from translator.report.charts import HeatMap
from translator.report.written import try_to_write_page
from translator.run_folder import RunFolder

log = logging.getLogger(__name__)

SENTENCES = 4  # that the page shows the attention of
WORDS = range(5, 15)  # that they have, if there are enough of them
PLACES = 3  # of weights that are kept


def keep_attention(run: RunFolder, translator: Translator, report: Report) -> None:
    """Writes `report/attention.json`."""
    data = run.load_config().data
    part = report.part(LanguagePair(data.source, data.target))
    if part is None:  # the test set is of other languages than the first pair of training
        return
    if len(translator.languages) > 1:
        translator = translator.into(data.target)
    reader = AttentionReader(translator, (data.source, data.target), compiled=False)
    found = [_seen(reader, *pair)._asdict() for pair in _chosen(part, reader)]
    write_file(run.attention, f"{json.dumps(found, ensure_ascii=False)}\n".encode())


def show_scored(run: RunFolder, translator: Translator, report: Report) -> None:
    """Renews the page of a run that has been scored, with the attention of its model if that can be had."""
    try:
        keep_attention(run, translator, report)
    except Exception as error:  # a picture is less than what it is about
        log.warning("%s: no attention in the report: %s", run.path, one_line(str(error)))
    try_to_write_page(run)


def show_run(run: RunFolder) -> None:
    """`show_scored` of the report that a run has.

    Raises:
        RunError: it has no model.
    """
    if report := Report.read(run.report):
        show_scored(run, Translator.load(run.path), report)


def _chosen(report: Report, reader: AttentionReader) -> list[tuple[str, str]]:
    """A few sentences with their translations, evenly spread among those of a length that is easy to look at."""
    pairs = [(pair.source, each) for pair, each in zip(report.pairs, report.hypotheses, strict=True) if each.strip()]
    chosen = [pair for pair in pairs if all(len(text.split()) in WORDS for text in pair)] or [
        pair for pair in pairs if all(len(text) < 60 for text in pair)
    ]
    spread = [chosen[i * len(chosen) // SENTENCES] for i in range(min(SENTENCES, len(chosen)))]
    return [pair for pair in spread if reader.can_read(*pair)]


def _seen(reader: AttentionReader, source: str, target: str) -> HeatMap:
    maps = reader.read(source, target).views["words"]["cross"]
    columns, weights = maps.columns, maps.map()
    if is_right_to_left(source):
        columns, weights = columns[::-1], weights[:, ::-1]
    return HeatMap(source, target, maps.rows, columns, np.round(weights.astype(np.float64), PLACES).tolist())
