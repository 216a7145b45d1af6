import pytest

from tests.script_modules import SCRIPTS, load_script
from translator.config.load import load_config
from translator.evaluation.robustness import CONDITIONS, Robustness, Row
from translator.sweep.space import parse_variants


@pytest.fixture(scope="module")
def script():
    return load_script("measure_robustness")


def robustness(clean: float, **lost: float) -> Robustness:
    rows = [Row("clean", 9, "BLEU", clean, None, "")]
    rows += [
        Row(name, 9, "BLEU", clean - lost.get(name, 0.0), -lost.get(name, 0.0), "")
        for name in CONDITIONS
        if name not in ("clean", "noise", "empty")
    ]
    rows += [Row(name, 9, "%", 50.0, None, "") for name in ("noise", "empty")]
    return Robustness(rows)


def test_each_arm_is_a_configuration(script):
    assert len(parse_variants([f"{arm}: {settings}" for arm, settings in script.ARMS.items()])) == 1
    for arm, settings in script.ARMS.items():
        config = load_config(SCRIPTS.parent / "configs" / "quickstart.yaml", settings.split())
        assert (config.data.modifiers.shares == {}) == (arm == "plain")


def test_what_is_lost_is_a_mean_over_seeds_and_clean_text_is_compared_with_the_first_arm(script):
    found = {
        "plain": [robustness(30.0, upper=20.0), robustness(32.0, upper=22.0)],
        "modifiers": [robustness(29.5, upper=1.0, typos=4.5), robustness(31.5, upper=3.0, typos=4.5)],
    }
    rows = {
        line.split(" | ")[0][2:]: [cell.strip(" |") for cell in line.split(" | ")[1:]]
        for line in script.markdown(found)[2:]
    }
    assert rows["clean"] == ["31.00", "", "30.50", "-0.50 (-0.50, -0.50)"]
    assert rows["upper"] == ["10.00", "-21.00 (-20.00, -22.00)", "28.50", "-2.00 (-1.00, -3.00)"]
    assert rows["typos"] == ["31.00", "+0.00 (-0.00, -0.00)", "26.00", "-4.50 (-4.50, -4.50) **more than it may**"]
    assert rows["noise"] == ["50.00", "", "50.00", ""]
