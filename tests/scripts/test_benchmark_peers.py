import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.script_modules import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmark_peers")


@pytest.mark.parametrize(
    ("system", "line", "rate", "bleu"),
    [
        ("translator", '{"step": 7, "nll": 4.1, "target_tokens_per_second": 5681.25}', 5681.25, None),
        ("translator", '{"step": 9, "validation_bleu": 28.5, "best_validation_bleu": 31.0}', None, 28.5),
        (
            "opennmt-tf",
            "INFO:tensorflow:Step = 100 ; steps/s = 0.91, tokens/s = 6412 (3100 source, 3312 target) ; "
            "Learning rate = 0.000250 ; Loss = 6.1",
            3312,
            None,
        ),
        (
            "opennmt-tf",
            "INFO:tensorflow:Evaluation result for step 200: loss = 3.1 ; perplexity = 22.1 ; bleu = 11.81",
            None,
            11.81,
        ),
        (
            "joeynmt",
            "2024-01-01 00:00:00,000 - INFO - joeynmt.training - Epoch   1, Step:      100, Batch Loss:     6.123456, "
            "Batch Acc: 0.101010, Tokens per Sec:      744, Lr: 0.000250",
            744,
            None,
        ),
        (
            "joeynmt",
            "2024-01-01 00:00:00,000 - INFO - joeynmt.prediction - Evaluation result (greedy): bleu:   3.21, "
            "loss:   4.10, ppl:  60.34, acc:   0.30, 0.2100[sec]",
            None,
            3.21,
        ),
    ],
)
def test_what_each_system_says_is_understood(
    script: ModuleType, system: str, line: str, rate: float | None, bleu: float | None
) -> None:
    patterns = script.SYSTEMS[system].tokens_per_second, script.SYSTEMS[system].bleu
    found = [match and float(match[1]) for match in (re.search(pattern, line) for pattern in patterns)]
    assert found == [rate, bleu]


def test_the_steady_rate_weighs_by_time_and_leaves_the_warm_up_out(script: ModuleType) -> None:
    rates = [script.Event(*event) for event in [(10.0, 1.0), (20.0, 1.0), (30.0, 100.0), (31.0, 200.0), (34.0, 400.0)]]
    assert script.steady_rate(rates, warm_up=15.0) == (1 * 200 + 3 * 400) / 4


def test_no_step_in_the_measured_time_is_told(script: ModuleType) -> None:
    with pytest.raises(
        script.BenchmarkError, match="no step began and ended in the time that is measured; raise --seconds"
    ):
        script.steady_rate([script.Event(1.0, 1.0), script.Event(2.0, 1.0)], warm_up=5.0)


def test_only_whole_lines_are_read_and_each_once(script: ModuleType, tmp_path: Path) -> None:
    lines = script._new_lines(tmp_path / "log")
    assert next(lines) == []
    (tmp_path / "log").write_bytes(b"one\ntw")
    assert next(lines) == ["one"]
    with (tmp_path / "log").open("ab") as log:
        log.write("o\nSchluß".encode())
    assert next(lines) == ["two"]
    assert next(lines) == []
