"""Many languages in one model: number words between English, German and French, and each sentence's tag."""

import json
import random
from pathlib import Path

import pytest
import yaml

from tests.toy_language import ENGLISH, GERMAN, finish, start, written
from translator.config.load import load_config
from translator.data.prepare import load_tokenizers, of_corpora
from translator.data.store import open_store
from translator.data.tags import tags_of
from translator.decoding.language_choice import chosen_pair
from translator.decoding.options import OptionsError
from translator.decoding.translator import Translator
from translator.evaluation.report import Report
from translator.export.formats import export_run
from translator.inspect.alignment import Aligner
from translator.inspect.attention_reader import AttentionReader
from translator.run_folder import RunFolder
from translator.serve.detection import detect
from translator.serve.limits import Limits
from translator.serve.models import TEXT
from translator.serve.opening import open_models

WORDS = {
    "en": ENGLISH,
    "de": GERMAN,
    "fr": ["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"],
}
SPLITS = {"train": "train", "validation": "val", "test": "test"}
PAIRS = [("en", "de"), ("en", "fr"), ("de", "en"), ("fr", "en")]
SENTENCE, TRANSLATIONS = "one two three", {"de": "eins zwei drei", "fr": "un deux trois"}


def corpora(split: str, pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"files": f"{split}.{{lang}}", "source": source, "target": target} for source, target in pairs]


def write(folder: Path) -> Path:
    """Writes the corpus and `numbers.yaml`."""
    rng = random.Random(3)
    numbers = list({tuple(rng.randrange(10) for _ in range(rng.randint(2, 5))): None for _ in range(900)})
    numbers = [digits for digits in numbers if digits != (1, 2, 3)]
    for split, chosen in (("train", numbers[40:]), ("val", numbers[:20]), ("test", numbers[20:40])):
        for language, words in WORDS.items():
            lines = [" ".join(words[digit] for digit in digits) for digits in chosen]
            written(folder / f"{split}.{language}", lines)
    data = {
        "root": str(folder), "train": corpora("train", PAIRS), "validation": corpora("val", PAIRS[:2]),
        "test": corpora("test", [*PAIRS, ("de", "fr")]), "max_tokens": 24,
    }  # fmt: skip
    config = {
        "data": data,
        "tokenizer": {"vocabulary_size": 60},
        "model": {"d_model": 32, "d_ff": 64, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.0},
        "train": {
            "max_steps": 700, "batch_tokens": 800, "learning_rate": 0.01, "warmup_steps": 30,
            "validate_every_steps": 350, "log_every_steps": 50, "precision": "float32",
        },
        "search": {"beam_size": 2},
    }  # fmt: skip
    (folder / "numbers.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("many"))
    trained = finish(start(folder, "train", "numbers.yaml", "--run", "many", "--quiet"))
    assert trained.code == 0, trained.err
    return folder / "many"


@pytest.fixture(scope="module")
def translator(run: Path) -> Translator:
    return Translator.load(run)


def test_the_tag_chooses_the_language(translator: Translator):
    for language, expected in TRANSLATIONS.items():
        assert [each.text for each in translator.translate([SENTENCE], to=language)] == [expected]
        assert translator.into(language).translate_text([SENTENCE]) == [expected]


def test_without_a_language_nothing_is_translated_or_scored(translator: Translator):
    message = "this model translates into de, fr, en; say into which, as in `--to de`, or to='de' in Python"
    for ask in (lambda: translator.translate([SENTENCE]), lambda: translator.score([SENTENCE], ["eins"])):
        with pytest.raises(OptionsError) as error:
            ask()
        assert str(error.value) == message
    with pytest.raises(OptionsError, match="does not translate into 'cs'; it translates into de, fr, en"):
        translator.into("cs")


def test_each_training_source_begins_with_one_tag_of_its_target_language(run: Path):
    data, tokenizers = RunFolder(run).load_config().data, load_tokenizers(RunFolder(run))
    store, tags = open_store(RunFolder(run).data, None), tags_of(tokenizers[0])
    assert store is not None
    assert list(tags) == ["de", "fr", "en"]
    for (_, target), rows, sides in zip(PAIRS, store.corpora, of_corpora(data, tokenizers), strict=True):
        for row in rows:
            ids = store.source[row].tolist()
            assert ids[0] == tags[target] == sides[0].prefix[0]
            assert not set(ids[1:]) & set(tags.values())
            assert not set(store.target[row].tolist()) & set(tags.values())


def test_a_tag_that_a_text_spells_out_chooses_nothing(translator: Translator):
    tokenizer = translator.into("de").source
    (ids,) = tokenizer.encode([f"<2fr> {SENTENCE}"])
    assert [id_ for id_ in ids if id_ in tags_of(tokenizer).values()] == [tags_of(tokenizer)["de"]]
    (text,) = translator.into("de").translate_text([f"<2fr> {SENTENCE}"])
    assert not set(text.split()) & set(WORDS["fr"])


def test_a_blank_sentence_stays_blank(translator: Translator):
    assert translator.into("fr").source.encode(["", " "]) == [[], []]
    assert translator.into("fr").translate_text(["", " "]) == ["", ""]


def test_each_piece_of_a_long_sentence_begins_with_the_tag(translator: Translator):
    french = translator.into("fr")
    (ids,) = french.source.encode([" ".join([SENTENCE] * 20)])
    pieces = french.cutter.cut(ids, french.max_source_tokens)
    assert len(pieces) > 2
    assert all(piece[:1] == list(french.source.prefix) and len(piece) <= french.max_source_tokens for piece in pieces)
    assert [id_ for piece in pieces for id_ in piece[1:]] == ids[1:]
    evenly = french.cutter.evenly(ids, 4)
    assert [id_ for piece in evenly for id_ in piece[1:]] == ids[1:]


def test_a_translation_is_likelier_under_its_own_tag(translator: Translator):
    (right,), (wrong,) = (translator.score([SENTENCE], [TRANSLATIONS["fr"]], to=each) for each in ("fr", "de"))
    assert right.log_prob > wrong.log_prob + 5


def test_the_report_has_each_pair_and_says_which_is_zero_shot(run: Path):
    report = Report.read(RunFolder(run).report)
    assert report is not None
    assert [(str(each), each.sentences, each.zero_shot) for each in report.of_pairs] == [
        ("en-de", 20, False), ("en-fr", 20, False), ("de-en", 20, False), ("fr-en", 20, False), ("de-fr", 20, True),
    ]  # fmt: skip
    part = report.part(("de", "fr"))  # type: ignore[arg-type]
    assert part is not None
    assert part.pairs[0].source == (run.parent / "test.de").read_text().splitlines()[0]
    assert min(each.scores.bleu for each in report.of_pairs if not each.zero_shot) > 80


def test_validation_has_bleu_of_each_pair_and_selects_by_the_mean(run: Path):
    rows = [json.loads(line) for line in RunFolder(run).metrics.read_text().splitlines()]
    row = next(each for each in rows if "validation_bleu" in each)
    of_pairs = [row["validation_bleu/en-de"], row["validation_bleu/en-fr"]]
    assert row["validation_bleu"] == pytest.approx(sum(of_pairs) / 2)


def test_the_tag_is_seen_in_attention_and_aligned_with_no_word(run: Path):
    read = AttentionReader.load(run, to="fr").read(SENTENCE)
    assert read.views["tokens"]["cross"].columns[0] == "<2fr>"
    assert read.views["words"]["cross"].columns == ("one", "two", "three", "</s>")
    (aligned,) = Aligner.load(run, to="fr").align([SENTENCE], [TRANSLATIONS["fr"]])
    assert {source for source, _ in aligned.links} <= {0, 1, 2}


@pytest.mark.parametrize("name", ["saved_model", "ctranslate2", "argos", "huggingface"])
def test_exports_translate_into_the_language_that_they_are_made_for(
    run: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    # In the others are markers such as </s>, of whose characters this vocabulary has none.
    monkeypatch.setattr("translator.export.gate.ODD_SENTENCES", ("", " \t"))
    if name != "saved_model":
        pytest.importorskip("tokenizers" if name == "huggingface" else "ctranslate2")
    figures = export_run(run, tmp_path / name, name, languages=(None, "fr"))  # passes the gate
    assert figures["languages"] == ["en", "fr"]
    assert figures["tags"] == {"de": "<2de>", "fr": "<2fr>", "en": "<2en>"}
    if name == "saved_model":
        exported = Translator.load_exported(tmp_path / name)
        assert exported.translate_text([SENTENCE, ""]) == [TRANSLATIONS["fr"], ""]


def test_a_server_has_each_pair(run: Path):
    models = open_models([run], Limits(), engine="transformer")
    try:
        assert models.languages == {"en": ["de", "fr"], "de": ["en"], "fr": ["en"]}
        for language, expected in TRANSLATIONS.items():
            model = models.find("en", language)
            assert model.batcher.submit(TEXT, [SENTENCE]).result() == [expected]
        assert [detect(text, models.profiles())[0][0] for text in (SENTENCE, "acht neun", "huit neuf")] == list(WORDS)
    finally:
        models.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "this model translates into de, fr, en; say into which"),
        (["--to", "cs"], "this model does not translate into 'cs'; it translates into de, fr, en"),
        (["--to", "de", "--from", "cs"], "this model does not translate from 'cs'; it translates from en, de, fr"),
    ],
)
def test_translate_says_in_one_line_which_languages_there_are(run: Path, arguments: list[str], said: str):
    asked = finish(start(run, "translate", ".", *arguments), b"one\n")
    assert (asked.code, asked.out) == (2, b"")
    assert asked.err.startswith(said)
    assert asked.err.count("\n") == 1


def test_a_model_of_one_pair_takes_its_own_language_alone(tmp_path: Path):
    write(tmp_path)
    one = [f"data.{name}={json.dumps(corpora(split, PAIRS[:1]))}" for name, split in SPLITS.items()]
    data = load_config(tmp_path / "numbers.yaml", one).data
    assert data.tagged == ()
    assert chosen_pair(data) == chosen_pair(data, "de") == ("en", "de")
    with pytest.raises(OptionsError, match="does not translate into 'fr'; it translates into de"):
        chosen_pair(data, "fr")


def test_a_corpus_into_a_language_that_training_lacks_is_refused(tmp_path: Path):
    write(tmp_path)
    with pytest.raises(Exception, match="nothing is trained to translate into cs, as from en to cs"):
        load_config(tmp_path / "numbers.yaml", ["data.test=[{files: 'test.{lang}', source: en, target: cs}]"])
