"""An Argos Translate package: what is in it, and that CTranslate2 translates with it as the run does."""

import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from tests.script_modules import load_script
from translator.config.schema import Config
from translator.decoding.engines.ctranslate2 import import_ctranslate2
from translator.decoding.translator import Translator
from translator.export import argos, formats
from translator.export.gate import PARITY, validation_pairs
from translator.run_folder import RunFolder

pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed: pip install '.[ctranslate2]'")

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run_folder_0_1.tar.xz"
CORPUS = {"grammar": "train", "pairs": 10}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "default"


@pytest.fixture(scope="module")
def exported(run: Path) -> tuple[Path, Path]:
    """The folder that the export wrote, and what is in its archive."""
    folder = run.parent / "exported"
    formats.export_run(run, folder, "argos")
    (archive,) = folder.glob("*.argosmodel")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(run.parent / "unpacked")
    (unpacked,) = (run.parent / "unpacked").iterdir()
    return folder, unpacked


def test_the_archive_holds_one_folder_with_what_argos_translate_reads(exported):
    folder, unpacked = exported
    assert {path.name for path in folder.iterdir()} == {"translate-en_de-1_0.argosmodel", PARITY, "MODEL_CARD.md"}
    assert unpacked.name == "translate-en_de-1_0"
    assert {path.name for path in unpacked.iterdir()} == {"metadata.json", "model", "sentencepiece.model", "README.md"}
    assert {"model.bin", "config.json"} <= {path.name for path in (unpacked / "model").iterdir()}
    assert json.loads((unpacked / "metadata.json").read_text()) == {
        "package_version": "1.0", "argos_version": "1.0",
        "from_code": "en", "from_name": "English", "to_code": "de", "to_name": "German",
    }  # fmt: skip
    assert (unpacked / "README.md").read_text().startswith("# English → German\n")


def test_it_has_passed_the_gate(exported):
    figures = json.loads((exported[0] / PARITY).read_text())
    assert (figures["format"], figures["quantization"]) == ("argos", "float32")
    assert figures["log_probs_compared"] > 0
    assert figures["equal_translations"] >= 0.99


def test_ctranslate2_translates_with_what_is_in_the_archive_as_the_run_does(run, exported):
    data = RunFolder(run).load_config().data
    sentences = [pair.source for pair in validation_pairs(data, data.pairs[0], 40)]
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(exported[1] / "sentencepiece.model"))
    model = import_ctranslate2().Translator(str(exported[1] / "model"))
    found = model.translate_batch(tokenizer.encode(sentences, out_type=str), beam_size=1, disable_unk=True)
    theirs = [tokenizer.decode_pieces(each.hypotheses[0]) for each in found]
    ours = Translator.load(run, 1).translate_text(sentences)
    # What this package cuts off at the run's own limit of length goes on there.
    assert sum(their.startswith(our) for their, our in zip(theirs, ours, strict=True)) >= 39
    assert sum(their == our for their, our in zip(theirs, ours, strict=True)) >= 35


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"tokenizer": {"joint": False}, "model": {"tied_embeddings": "target"}}, "nothing for tokenizer.joint false"),
        ({"data": {"source": "en/../x"}}, "data.source 'en/../x' is not one"),
        ({"data": {"source": "de_AT"}}, "one code for data.source de_AT and data.target de"),
        ({"model": {"positions": "t5"}}, "CTranslate2 has no model.positions t5"),
    ],
)
def test_what_a_package_cannot_hold_is_refused_by_name(settings: dict[str, dict[str, Any]], reason: str):
    config: dict[str, Any] = {"data": {"train": CORPUS, "validation": CORPUS}, "train": {"max_steps": 1}}
    for section, values in settings.items():
        config[section] = {**config.get(section, {}), **values}
    assert re.search(re.escape(reason), str(argos.refusal(Config.model_validate(config))))


@pytest.mark.parametrize(
    ("language", "code"), [("en", "en"), ("deu_Latn", "de"), ("pt-BR", "pb"), ("pt_PT", "pt"), ("zh-Hant", "zt")]
)
def test_languages_have_the_codes_of_argos_translate(language: str, code: str):
    assert argos.code_of(language) == code


def test_the_script_that_tries_a_package_wants_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["try_argos.py", str(tmp_path)])
    with pytest.raises(SystemExit):
        load_script("try_argos").main()
    assert f"{tmp_path} holds 0 packages (*.argosmodel), not one" in capsys.readouterr().err
