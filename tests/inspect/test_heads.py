"""A head taken away: what is left is what the others add, and the model is as it was afterwards."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.command_line import command
from tests.inspect.test_alignment import make_run
from translator.cli.attention import print_table
from translator.config.load import load_config, save_config
from translator.data.corpora.base import SentencePair
from translator.decoding.options import OptionsError
from translator.decoding.translator import Translator
from translator.inspect import heads
from translator.inspect.attention import Kind
from translator.inspect.heads import HeadReport, WithoutHead, draw, without
from translator.model.weights import get_weights

PAIRS = [
    SentencePair("ant bear cat.", "cat ant."),
    SentencePair("bear", "ant bear ant"),
    SentencePair("cat ant", "bear"),
]


@pytest.fixture(scope="module")
def translator(tmp_path_factory) -> Translator:
    return Translator.load(make_run(tmp_path_factory.mktemp("runs") / "run"), 1)


def test_without_a_head_the_output_is_what_the_other_adds(translator):
    attention = translator.transformer.model.decoder_layers[0].cross_attention
    of_heads = np.random.default_rng(1).normal(size=(1, 2, 3, 4)).astype(np.float32)  # [B, H, Q, K]

    def output(given: np.ndarray) -> np.ndarray:
        return attention.output_projection(attention.heads.join(tf.constant(given))).numpy()

    for head in (0, 1):
        other = of_heads.copy()
        other[:, head] = 0
        with without(attention, head):
            np.testing.assert_allclose(output(of_heads), output(other), atol=1e-6)
        assert not np.allclose(output(of_heads), output(other), atol=1e-3)


def test_each_head_of_each_place_is_taken_away_once_and_all_are_back_in_the_end(translator):
    model, taken = translator.transformer.model, []
    before = get_weights(model.named_weights())
    kernels = {
        "encoder": [layer.self_attention.output_projection.kernel for layer in model.encoder_layers],
        "decoder": [layer.self_attention.output_projection.kernel for layer in model.decoder_layers],
        "cross": [layer.cross_attention.output_projection.kernel for layer in model.decoder_layers],
    }
    done = []

    def look(so_far: int, total: int) -> None:
        done.append((so_far, total))
        taken.append(
            [
                (kind, layer, head)
                for kind, of_kind in kernels.items()
                for layer, kernel in enumerate(of_kind, 1)
                for head in (1, 2)
                if not kernel.numpy()[(head - 1) * 4 : head * 4].any()
            ]
        )

    found = heads.report(translator, PAIRS, "de", look)
    expected = [("encoder", 1), ("decoder", 1), ("decoder", 2), ("cross", 1), ("cross", 2)]
    assert [(row.kind, row.layer, row.head) for row in found.without] == [
        (*each, h) for each in expected for h in (1, 2)
    ]
    seen = [each for i, each in enumerate(taken) if i == 0 or each != taken[i - 1]]
    assert seen == [[], *([(row.kind, row.layer, row.head)] for row in found.without)]
    assert done[-1] == (33, 33)
    assert done == sorted(done)
    for name, value in get_weights(model.named_weights()).items():
        np.testing.assert_array_equal(value, before[name])


def test_a_head_that_adds_nothing_is_not_missed(translator):
    with without(translator.transformer.model.encoder_layers[0].self_attention, 0):
        row = heads.report(translator, PAIRS, "de").without[0]
    assert (row.difference, row.low, row.high, row.is_certain) == (0, 0, 0, False)


def test_an_engine_without_heads_is_refused(translator):
    with pytest.raises(OptionsError, match="MbrEngine has no model to look into"):
        heads.report(translator.with_mbr(), PAIRS, "de")


PLACES: tuple[Kind, ...] = ("encoder", "decoder", "cross")
REPORT = HeadReport(
    40.0, 5, tuple(WithoutHead(kind, 1, head, 38.5, -1.5, -2.0, -1.0) for kind in PLACES for head in (1, 2))
)


def test_a_report_as_a_table_begins_with_the_whole_model():
    lines = REPORT.csv.splitlines()
    assert lines[:3] == ["kind,layer,head,bleu,difference,low,high", ",,,40.0,0,0,0", "encoder,1,1,38.5,-1.5,-2.0,-1.0"]
    assert len(lines) == 8


def test_a_report_as_a_picture_has_each_difference():
    root = ElementTree.fromstring(draw(REPORT, "svg"))
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("-1.5") == 6


def test_a_table_off_a_terminal_is_as_wide_as_its_heads(capsys):
    heads = range(1, 33)
    print_table(HeadReport(40.0, 1, tuple(WithoutHead("cross", 1, head, 38.5, -1.5, -2.0, -1.0) for head in heads)))
    header, row, told = (line for line in capsys.readouterr().out.splitlines() if any(c.isalnum() for c in line))
    assert re.findall(r"head \d+", header) == [f"head {head}" for head in heads]
    assert row.count("-1.50*") == 32
    assert "on 1 validation sentence; without" in told
    assert told.endswith("Heads that are missed: 32 of 32.")


def test_the_table_does_not_replace_the_validation_set(tmp_path: Path, monkeypatch, capsys):
    run, pairs = str(make_run(tmp_path / "run")), tmp_path / "pairs.csv"
    pairs.write_text("ant\tcat\n")
    config = load_config(tmp_path / "run" / "config.yaml", [f"data.validation={{tsv: {pairs}}}"])
    save_config(config, tmp_path / "run" / "config.yaml")
    said = f"--output {pairs} would overwrite {pairs}, which is read; name another file\n"
    arguments = "attention", run, "--prune-report", "--output", str(pairs)
    assert command(monkeypatch, capsys, *arguments) == (2, "", said)
    assert pairs.read_text() == "ant\tcat\n"


def test_the_command_prints_a_line_for_each_layer_and_writes_the_table(tmp_path: Path, monkeypatch, capsys):
    run, output = str(make_run(tmp_path / "run")), tmp_path / "x.csv"
    arguments = "attention", run, "--prune-report", "--sentences", "3", "--beam", "1", "--output", str(output)
    code, out, _ = command(monkeypatch, capsys, *arguments)
    assert code == 0
    assert [name for name in ("encoder 1", "decoder 1", "decoder 2", "cross 1", "cross 2") if name not in out] == []
    assert "with all heads, on 3 validation sentences;" in out
    assert re.search(r"\. Heads that are missed: \d of 10\.$", out, re.MULTILINE)
    assert len(output.read_text(encoding="utf-8").splitlines()) == 12
