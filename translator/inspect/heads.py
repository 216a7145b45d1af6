"""How much each head is needed: BLEU without it.

Michel, Levy and Neubig (2019), "Are sixteen heads really better than one?", §3. A head is taken away by zeros
in its rows of the output projection W^O: what it computes then adds nothing.
"""

import contextlib
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from translator.data.corpora.base import SentencePair
from translator.data.corpora.formats import read_all
from translator.decoding.language_choice import chosen_pair
from translator.decoding.translator import Translator
from translator.evaluation.bootstrap import bleu_difference
from translator.evaluation.scores import corpus_bleu
from translator.inspect.attention import KINDS, Kind
from translator.model.attention.layer import MultiHeadAttention
from translator.model.transformer import Transformer
from translator.progress import show_nothing
from translator.run_folder import RunError, RunFolder
from translator.training.choosing import Checkpoint

COLUMNS = ("kind", "layer", "head", "bleu", "difference", "low", "high")


@dataclass(frozen=True)
class WithoutHead:
    """What the model scores without one head; layers and heads count from 1.

    Attributes:
        difference: of BLEU, to the whole model.
        low: 2.5th percentile of the difference, by paired bootstrap.
        high: 97.5th percentile.
    """

    kind: Kind
    layer: int
    head: int
    bleu: float
    difference: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval of the difference leaves 0 out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class HeadReport:
    """BLEU of the whole model, and without each of its heads alone.

    Attributes:
        sentences: how many it was measured on.
    """

    bleu: float
    sentences: int
    without: tuple[WithoutHead, ...]

    @property
    def csv(self) -> str:
        """A table with a line for each head; the first one, without a head, is the whole model."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerow(["", "", "", round(self.bleu, 4), 0, 0, 0])
        for row in self.without:
            values = (getattr(row, name) for name in COLUMNS)
            writer.writerow([round(value, 4) if isinstance(value, float) else value for value in values])
        return file.getvalue()

    def differences(self, kind: Kind) -> np.ndarray:
        """Of one place of the model: float64 [layers, heads]."""
        rows = [row for row in self.without if row.kind == kind]
        found = np.zeros([max(row.layer for row in rows), max(row.head for row in rows)])
        for row in rows:
            found[row.layer - 1, row.head - 1] = row.difference
        return found


def report_of_run(
    run: str | Path,
    sentences: int | None = None,
    beam_size: int | None = None,
    checkpoint: Checkpoint | None = None,
    on_progress: Callable[[int, int], None] = show_nothing,
    to: str | None = None,
    source: str | None = None,
) -> HeadReport:
    """Measures a run on its validation set.

    Args:
        run: the folder.
        sentences: how many of the validation set, from the first on; None for all.
        beam_size: see `Translator.load`, as `checkpoint`.
        on_progress: told how many sentences have been translated, and how many there are for all heads together.
        to: of a run of many languages, the target language of the sentences.
        source: the source language of them.

    Raises:
        RunError: see `Translator.load`; or there is no validation set of these languages.
    """
    data = RunFolder(Path(run)).load_config().data
    data = data.of_pair(chosen_pair(data, to, source))
    if not data.validation:
        raise RunError(f"{run} has no validation set from {data.source} to {data.target}, on which heads are measured")
    translator = Translator.load(run, beam_size, checkpoint, to=data.target)
    return report(translator, read_all(data.validation, data)[:sentences], data.target, on_progress)


def report(
    translator: Translator,
    pairs: Sequence[SentencePair],
    target_language: str,
    on_progress: Callable[[int, int], None] = show_nothing,
) -> HeadReport:
    """Translates the sentences with all heads, and again without each.

    Raises:
        OptionsError: the translator's engine has no model to look into.
    """
    heads = list(_heads(translator.transformer.model))
    sources, references = [pair.source for pair in pairs], [pair.target for pair in pairs]
    total = (len(heads) + 1) * len(pairs)

    def translated(number: int) -> list[str]:
        before = number * len(pairs)
        lines = translator.translate_text(
            sources, None, lambda done, of: on_progress(before + done * len(pairs) // of, total)
        )
        on_progress(before + len(pairs), total)
        return lines

    whole = translated(0)
    rows = []
    for number, (kind, layer, head, attention) in enumerate(heads, 1):
        with without(attention, head):
            lines = translated(number)
        found = bleu_difference([whole], [lines], references, target_language)
        rows.append(WithoutHead(kind, layer, head + 1, found.second.value, *found.difference))
    return HeadReport(corpus_bleu(whole, references, target_language), len(pairs), tuple(rows))


@contextlib.contextmanager
def without(attention: MultiHeadAttention, head: int) -> Iterator[None]:
    """Takes a head, counted from 0, away for the time of the block."""
    kernel, size = attention.output_projection.kernel, attention.heads.size
    whole = kernel.numpy()
    kept = whole.copy()
    kept[head * size : (head + 1) * size] = 0
    kernel.assign(kept)
    try:
        yield
    finally:
        kernel.assign(whole)


def _heads(model: Transformer) -> Iterator[tuple[Kind, int, int, MultiHeadAttention]]:
    """Place, layer from 1 on, head from 0 on."""
    layers: dict[Kind, list[MultiHeadAttention]] = {
        "encoder": [layer.self_attention for layer in model.encoder_layers],
        "decoder": [layer.self_attention for layer in model.decoder_layers],
        "cross": [layer.cross_attention for layer in model.decoder_layers],
    }
    for kind in KINDS:
        for number, attention in enumerate(layers[kind], 1):
            yield from ((kind, number, head, attention) for head in range(attention.heads.number))


def draw(found: HeadReport, form: str) -> bytes:
    """A table of differences for each place of the model, red where BLEU falls: `png` or `svg`."""
    import matplotlib
    from matplotlib.figure import Figure

    from translator.inspect.plots import rendered, style

    tables = {kind: found.differences(kind) for kind in KINDS}
    limit = max(1.0, *(float(np.abs(table).max()) for table in tables.values()))
    with matplotlib.rc_context(style(8, "−")):
        layers, heads = (max(table.shape[side] for table in tables.values()) for side in (0, 1))
        figure = Figure(figsize=(3 * (0.55 * heads + 0.6), 0.4 * layers + 0.9), layout="constrained")
        for axes, (kind, table) in zip(figure.subplots(1, 3), tables.items(), strict=True):
            axes.imshow(table, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation="none")
            axes.set_title(kind)
            axes.set_xlabel("head")
            axes.set_ylabel("layer" if kind == KINDS[0] else "")
            for side, count in ((axes.xaxis, table.shape[1]), (axes.yaxis, table.shape[0])):
                side.set_ticks(range(count), [str(i + 1) for i in range(count)], size=7)
            for (layer, head), value in np.ndenumerate(table):
                color = "white" if abs(value) > 0.6 * limit else "black"
                axes.text(head, layer, f"{value:+.1f}", ha="center", va="center", size=7, color=color)
        figure.suptitle(
            f"BLEU without one head, difference to {found.bleu:.2f} ({found.sentences:,} sentences)", size=9
        )
        return rendered(figure, form)
