import pytest

from tests.script_modules import load_script
from tests.sweep.scripted import CONFIG, Scripted
from translator.sweep.halving import Halving
from translator.sweep.run import Asked, make_sweep, run_sweep


@pytest.fixture
def script():
    return load_script("scaling_table")


def test_each_run_has_its_cell_and_seeds_are_averaged(script, tmp_path):
    (tmp_path / "scripted.yaml").write_text(CONFIG)
    # Test BLEU of scripted trainings is 2000 times the learning rate.
    settings = ["data.train.pairs=30,40", "model.dropout=0.1", "train.learning_rate=0.001,0.002"]
    asked = Asked(settings, [f"{size}: {settings}" for size, settings in script.SIZES.items()])
    sweep = make_sweep(tmp_path / "scripted.yaml", tmp_path / "sweep", asked, Halving())
    failing = Scripted(lambda name, until: 2 if name == "001" else 0)
    cells = script.cells_of(sweep, run_sweep(sweep, 1, print, commands=failing))
    assert cells == {
        script.Cell(pairs, size, 0.1): pytest.approx(4.0 if (pairs, size) == (30, "small") else 3.0)
        for pairs in (30, 40)
        for size in script.SIZES
    }


def test_the_table_has_a_row_for_each_number_of_pairs(script):
    cells = {script.Cell(1000, "small", 0.1): 1.234, script.Cell(29_000, "large", 0.1): 30.0}
    assert script.markdown(cells) == [
        "| pairs | small, dropout 0.1 | medium, dropout 0.1 | large, dropout 0.1 |",
        "|---|---|---|---|",
        "| 1,000 | 1.23 | – | – |",
        "| 29,000 | – | – | 30.00 |",
    ]


def test_the_picture_names_each_line(script, tmp_path):
    pytest.importorskip("matplotlib")
    cells = {script.Cell(p, "small", d): p / 1000 for p in (1000, 3000) for d in (0.1, 0.3)}
    script.draw(cells, tmp_path / "scaling.svg")
    picture = (tmp_path / "scaling.svg").read_text()
    assert [text for text in ("small, dropout 0.1", "small, dropout 0.3", "test BLEU") if text not in picture] == []
    assert len(picture) < 60_000
