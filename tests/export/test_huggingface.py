"""An export for Hugging Face's transformers: its weights, its tokenizer, and what the library itself makes of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.tokenizers import tokenizer_of
from translator.config.load import save_config
from translator.config.schema import Config, ModelConfig
from translator.config.tokenizer import Normalization, TokenizerConfig
from translator.data.batches import pad
from translator.decoding.translator import Translator
from translator.export import formats, huggingface, tokenizer_json
from translator.export.gate import PARITY
from translator.model.build import build_model
from translator.model.transformer import Transformer
from translator.model.weights import get_weights, write_weights
from translator.run_folder import RunFolder
from translator.vocabulary import BOS_ID

CORPUS = {"grammar": "train", "pairs": 40}
TEXTS = [
    "The old dog sees the red horse.", "Der alte Hund sieht über das Öl.", "She hears me, and I hear them!",
    "The old horse hears the red dog.", "The red dog and the old dog see them.", "Der Hund hört das alte Pferd.",
    "And she sees the dogs, the horses and me.", "Der rote Hund hört den alten Hund.", "The dogs hear the horses.",
]  # fmt: skip
TRANSFORMERS = """
import json, sys, torch, transformers
given = json.load(sys.stdin)
tokenizer = transformers.AutoTokenizer.from_pretrained(given["folder"])
model = transformers.AutoModelForSeq2SeqLM.from_pretrained(given["folder"]).eval()
source = tokenizer(given["sentences"], padding=True, return_tensors="pt")
kept = {name: source[name] for name in ("input_ids", "attention_mask")}
with torch.no_grad():
    logits = model(**kept, decoder_input_ids=torch.tensor(given["target"])).logits
texts = []
for sentence, most in zip(given["sentences"], given["most"]):
    one = tokenizer([sentence], return_tensors="pt")
    found = model.generate(one.input_ids, attention_mask=one.attention_mask, num_beams=1, max_new_tokens=most)
    texts.append(tokenizer.decode(found[0], skip_special_tokens=True))
found = {"class": type(model).__name__, "ids": source.input_ids.tolist(), "logits": logits.tolist(), "texts": texts}
json.dump(found, sys.stdout)
"""
SENTENCES = [
    *TEXTS,
    "the dog",
    "x Ａ ﬁ é",
    "a 日 b",
    "  two  spaces ",
    "",
    "dog horse dog horse me.",
    "<tag> the<tag>dog",
]


def make_run(folder: Path, norm: str, activation: str, kind: str) -> Path:
    """A run with random weights, norms and biases too: as they are initialized they would hide that one is lost."""
    config = Config.model_validate(
        {
            "data": {"train": CORPUS, "validation": {"grammar": "validation", "pairs": 200}, "max_tokens": 30},
            "model": {
                "d_model": 16, "d_ff": 24, "num_heads": 2, "encoder_layers": 2, "decoder_layers": 3,
                "norm": norm, "activation": activation,
            },
            "train": {"max_steps": 1, "warmup_steps": 0},
        }
    )  # fmt: skip
    run = RunFolder(folder)
    folder.mkdir()
    save_config(config, run.config)
    settings = {"vocabulary_size": 48, "kind": kind, "user_defined_symbols": ["<tag>"]}
    tokenizer = tokenizer_of(TEXTS, TokenizerConfig.model_validate(settings))
    tokenizer.save(folder / "tokenizer.model")
    keras.utils.set_random_seed(3)
    weights, rng = get_weights(build_model(config, tokenizer, tokenizer).named_weights()), np.random.default_rng(3)
    write_weights({name: (a + rng.normal(0, 0.3, a.shape)).astype("float32") for name, a in weights.items()}, run.model)
    return folder


@pytest.fixture(scope="module", params=[("pre", "relu", "unigram"), ("post", "gelu", "bpe")], ids="-".join)
def exported(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and its export."""
    pytest.importorskip("tokenizers", reason="tokenizers is not installed: pip install '.[huggingface]'")
    root = tmp_path_factory.mktemp("huggingface")
    run = make_run(root / "run", *request.param)
    formats.export_run(run, root / "exported", "huggingface")
    return run, root / "exported"


def test_it_passes_the_gate_which_says_what_was_compared(exported):
    figures = json.loads((exported[1] / PARITY).read_text())
    assert figures["compute_type"] == "float32, read back into this package's model"
    assert figures["equal_translations"] >= 0.99
    assert figures["log_prob_difference_per_token"] < 1e-6
    assert "tokenizers" in figures["versions"]


def by_transformers(folder: Path, target: np.ndarray, most: list[int]) -> dict[str, Any]:
    """What the library says in a process of its own, with PyTorch in place of TensorFlow."""
    python = os.environ.get("TRANSFORMERS_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import torch, transformers"], check=False, capture_output=True).returncode:
        pytest.skip("torch and transformers are not installed: name a Python that has them in TRANSFORMERS_PYTHON")
    given = {"folder": str(folder), "sentences": SENTENCES, "target": target.tolist(), "most": most}
    ran = subprocess.run(
        [python, "-c", TRANSFORMERS], input=json.dumps(given), capture_output=True, text=True, check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_transformers_has_the_runs_logits_and_greedy_translations(exported):
    run, folder = exported
    ours = Translator.load(run, 1)
    ids = ours.source.encode(SENTENCES)
    target = np.random.default_rng(5).integers(4, 48, [len(SENTENCES), 20]).astype("int32")
    target[:, 0] = BOS_ID
    theirs = by_transformers(folder, target, [2 * (len(row) + 1) + 20 for row in ids])  # the run's limits of length
    assert theirs["class"] == json.loads((folder / "config.json").read_text())["architectures"][0]
    source = pad(ids, eos=True)
    assert theirs["ids"] == source.tolist()
    logits = ours.transformer.model(source, target).numpy()
    assert logits.std() > 0.5
    np.testing.assert_allclose(theirs["logits"], logits, atol=1e-4)
    # A blank one has no translation here.
    pairs = [pair for pair in zip(theirs["texts"], ours.translate_text(SENTENCES), ids, strict=True) if pair[2]]
    assert [their for their, _, _ in pairs] == [our for _, our, _ in pairs]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("normalization", ["keep", "nfkc", "nmt_nfkc"])
@pytest.mark.parametrize("byte_fallback", [False, True], ids=["", "bytes"])
def test_the_library_splits_and_joins_as_sentencepiece_does(
    kind: str, normalization: Normalization, byte_fallback: bool
):
    library = pytest.importorskip("tokenizers", reason="tokenizers is not installed: pip install '.[huggingface]'")
    settings = {"vocabulary_size": 44 + 260 * byte_fallback, "kind": kind, "byte_fallback": byte_fallback}
    tokenizer = tokenizer_of(TEXTS, TokenizerConfig.model_validate(settings)).with_normalization(normalization)
    theirs = library.Tokenizer.from_str(tokenizer_json.converted(tokenizer).decode())
    theirs.encode_special_tokens = True
    characters = [f"dog{chr(code)} me" for code in range(1, 0x3100) if chr(code) != "\0"]
    sentences = [*SENTENCES, "▁x ▁", "a\r\nb", "\u00a0 x\u00a0", " \t", *characters]
    ids = tokenizer.encode(sentences)
    assert [each.ids for each in theirs.encode_batch(sentences)] == [[*row, 2] for row in ids]
    known = [row for row in ids[: len(SENTENCES)] if 3 not in row]
    assert [text.strip() for text in theirs.decode_batch(known)] == tokenizer.decode(known)


def test_every_number_of_a_model_is_stored_once(tmp_path):
    model = Transformer(ModelConfig(d_model=8, d_ff=6, num_heads=2, encoder_layers=1, decoder_layers=2), 20, 20, 5)
    weights = get_weights(model.named_weights())
    theirs = huggingface.converted(weights, model.config)
    assert sum(a.size for a in theirs.values()) == sum(a.size for a in weights.values())
    assert (
        theirs["model.shared.weight"][3].tolist()
        == weights["target_embedding.table"][3][[0, 2, 4, 6, 1, 3, 5, 7]].tolist()
    )


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"layer_norm_epsilon": 1e-6}, "no model.layer_norm_epsilon 1e-06; it has 1e-05"),
        ({"activation": "swiglu"}, "no model.activation swiglu; it has relu, gelu"),
        ({"positions": "learned"}, "no model.positions learned; it has sinusoidal"),
        ({"tied_embeddings": "target"}, "no model.tied_embeddings target; it has all"),
        ({"attention": {"cross": {"key_value_heads": 1}}}, "nothing for model.attention.cross.key_value_heads 1"),
    ],
)
def test_what_it_cannot_hold_is_refused_by_name(settings: dict[str, Any], reason: str):
    config = Config.model_validate(
        {"data": {"train": CORPUS, "validation": CORPUS}, "train": {"max_steps": 1}, "model": settings}
    )
    assert huggingface.refusal(config) == f"Hugging Face's Pegasus or Marian has {reason}"


def test_a_normalization_that_folds_case_is_refused():
    tokenizer = tokenizer_of(TEXTS, TokenizerConfig(vocabulary_size=48)).with_normalization("nmt_nfkc_cf")
    assert tokenizer_json.refusal(tokenizer) == "tokenizer.json folds no case as the normalization nmt_nfkc_cf does"
