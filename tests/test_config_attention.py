"""The settings of attention: what they take, and which combinations are refused with which reason."""

from pathlib import Path

import pytest

from translator.config.load import dump_config, load_config
from translator.config.reference import describe_settings
from translator.config.schema import Config, ConfigError

QUICKSTART = Path(__file__).parents[1] / "configs" / "quickstart.yaml"


def loaded(*overrides: str) -> Config:
    sizes = "model={d_model: 24, d_ff: 16, num_heads: 4, encoder_layers: 3, decoder_layers: 2}"
    return load_config(QUICKSTART, [sizes, *overrides])


@pytest.mark.parametrize(
    ("given", "windows"),
    [("null", [None] * 3), ("8", [8] * 3), ("[8]", [8] * 3), ("[8, null, 2]", [8, None, 2])],
)
def test_a_window_is_for_all_layers_or_there_is_one_for_each(given: str, windows: list[int | None], tmp_path: Path):
    config = loaded(f"model.attention.encoder.window={given}")
    assert [config.model.attention.encoder.window_of(layer) for layer in range(3)] == windows
    (tmp_path / "resolved.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "resolved.yaml") == config


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["attention.encoder.score=dot"], r"score: input should be 'scaled_dot_product', .* found 'dot'"),
        (["attention.encoder.window=-1"], r"window.*: input should be greater than or equal to 0; found -1"),
        (["attention.encoder.window=[1, 2]"], "attention.encoder: window has 2 values for 3 layers; give one for all"),
        (["attention.decoder.window=[1, 2, 3]"], "attention.decoder: window has 3 values for 2 layers"),
        (["attention.cross.window=3"], "cross.window: a position of the target has no distance from one of the source"),
        (["attention.decoder.selection=top_k"], "selection top_k needs top_k, a number of keys, .* and top_k null"),
        (["attention.decoder.top_k=2"], "needs top_k.* no other has it; found selection softmax and top_k 2"),
        (
            ["attention.cross={selection: sigmoid, silence: sink}"],
            "silence sink has no effect with selection sigmoid, whose keys do not compete",
        ),
        (
            ["attention.decoder={selection: signed, forgetting: true}"],
            "selection signed takes scores by their absolute value, so that forgetting",
        ),
        (["attention.encoder={selection: signed}", "positions=alibi"], "attention.encoder: .* so that alibi"),
        (["attention.encoder.forgetting=true"], "encoder.forgetting: gates add up along time"),
        (["attention.cross.forgetting=true"], "cross.forgetting: gates add up along time"),
        (["attention.decoder={chunk: 64, selection: entmax15}"], "chunk needs selection softmax.* entmax15 needs all"),
        (["attention.cross.chunk=64", "attention_dropout=0.1"], "attention.cross: chunk never has .* 0.1 falls"),
        (["attention.cross.key_value_heads=3"], "num_heads 4 is not divisible by key_value_heads 3"),
        (
            ["attention.encoder={selection: differential, key_value_heads: 2}"],
            "differential needs keys and values of its own for each head of a pair; key_value_heads 2 shares them",
        ),
        (
            ["attention.encoder.selection=differential", "num_heads=3"],
            "attention.encoder: selection differential subtracts one head of a pair from the other; num_heads 3 is odd",
        ),
        (["positions=rotary", "num_heads=8"], r"rotary positions pair up .* d_model / num_heads must be even; found 3"),
        (["positions=rotary", "attention.decoder.score=additive"], "attention.decoder: rotary positions show in prod"),
        (["positions=shaw", "attention.encoder.score=cosine"], "attention.encoder: shaw .*; the score is cosine"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_with_the_reason(overrides: list[str], reason: str):
    with pytest.raises(ConfigError, match=reason):
        loaded(*(f"model.{override}" for override in overrides))


def test_positions_in_attention_do_not_concern_the_cross_attention():
    config = loaded("model.positions=shaw", "model.attention.cross.score=additive")
    assert config.model.attention.cross.score == "additive"


def test_the_reference_lists_the_kinds_of_each_place():
    described = {key: kind for key, kind, *_ in describe_settings()}
    for place in ("encoder", "decoder", "cross"):
        assert described[f"model.attention.{place}.silence"] == "none or zero or sink or null_key"
        assert "sparsemax or entmax15 or signed" in described[f"model.attention.{place}.selection"]
        assert described[f"model.attention.{place}.window"] == "list of int or null"
