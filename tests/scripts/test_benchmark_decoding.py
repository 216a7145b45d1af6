from pathlib import Path
from types import ModuleType

import pytest

from tests.script_modules import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmark_decoding")


def test_numbers_are_medians_over_the_turns_each_for_itself(script: ModuleType) -> None:
    turns = [
        script.Measured([10.0, 3.0], 5.0, 0.1, 0.9, 1.0, [[4]], 1.0),
        script.Measured([30.0, 2.0], 7.0, 0.3, 0.8, 3.0, [[4]], 1.0),
        script.Measured([20.0, 1.0], 6.0, 0.2, 0.7, 2.0, [[4]], 1.0),
    ]
    assert script._medians(turns) == script.Measured([20.0, 2.0], 6.0, 0.2, 0.8, 2.0, [[4]], 1.0)


def test_both_systems_translate_a_model_alike(script: ModuleType, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("ctranslate2")
    import keras
    import numpy as np

    from translator.config.schema import ModelConfig
    from translator.model.transformer import Transformer

    keras.utils.set_random_seed(1)
    config = ModelConfig(d_model=16, d_ff=32, num_heads=2, encoder_layers=1, decoder_layers=2)
    model = Transformer(config, 40, 40, max_positions=30)
    rng = np.random.default_rng(1)
    for variable in model.variables:
        variable.assign_add(rng.normal(0.0, 0.3, variable.shape))
    monkeypatch.setattr(script, "_model", lambda run: model)
    sources = [rng.integers(4, 40, 6).tolist() for _ in range(12)]
    (tmp_path / "sources.json").write_text(str(sources))
    script._convert(model, tmp_path / "ctranslate2")
    task = script.Task(str(tmp_path), None, "ctranslate2", beam=1, batches=[4], alone=2, threads=1)
    theirs = script._ctranslate2(task)(sources, 4)
    monkeypatch.setattr("tensorflow.config.threading.set_intra_op_parallelism_threads", lambda _: None)
    monkeypatch.setattr("tensorflow.config.threading.set_inter_op_parallelism_threads", lambda _: None)
    ours = script._ours(task)(sources, 4)
    assert [len(ids) for ids in theirs] == [script.LENGTH] * len(sources)
    # A translation of ours that reaches EOS is shorter: CTranslate2 is told to write none before the limit.
    equal = [a == b for a, b in zip(ours, theirs, strict=True) if len(a) == script.LENGTH]
    assert equal
    assert all(equal)
