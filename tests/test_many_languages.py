"""Many languages in one model: number words between English, German and French, and each sentence's tag."""

import dataclasses
import json
import random
import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf
import yaml

from tests.command_line import command
from tests.toy_language import ENGLISH, GERMAN, written
from translator import train
from translator.config.load import load_config, save_config
from translator.config.schema import ConfigError
from translator.data.checks.corpora import check_corpora
from translator.data.plan import Position
from translator.data.prepare import load_tokenizers, of_corpora, prepare
from translator.data.store import open_store
from translator.data.tags import tags_of
from translator.decoding.language_choice import chosen_pair
from translator.decoding.options import OptionsError
from translator.decoding.translator import Translator
from translator.evaluation.references import TestSet, own_test_set
from translator.evaluation.report import Report
from translator.evaluation.robustness import Robustness
from translator.evaluation.systems import Given, compare_given
from translator.evaluation.test_set import evaluate_run, robustness_of_run
from translator.export import gate
from translator.export.comparisons import Answer, Request
from translator.export.formats import export_run, usage_of
from translator.export.probe import PROBES
from translator.export.saved_model import SavedTranslator
from translator.inspect.alignment import Aligner
from translator.inspect.attention_reader import AttentionReader
from translator.inspect.heads import report_of_run
from translator.languages import LanguagePair
from translator.report.facts import Facts
from translator.run_folder import RunError, RunFolder
from translator.serve import opening
from translator.serve.detection import detect
from translator.serve.limits import Limits
from translator.serve.models import TEXT
from translator.serve.opening import open_models
from translator.training.setup import make_batches

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
    numbers = list({tuple(rng.randrange(6) for _ in range(rng.randint(3, 4))): None for _ in range(900)})
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
        "tokenizer": {"vocabulary_size": 47},
        "model": {"d_model": 32, "d_ff": 64, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.0},
        "train": {
            "max_steps": 220, "batch_tokens": 500, "learning_rate": 0.01, "warmup_steps": 30,
            "validate_every_steps": 220, "log_every_steps": 50, "precision": "float32", "trackers": [],
        },
        "search": {"beam_size": 2},
    }  # fmt: skip
    (folder / "numbers.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("many"))
    train(load_config(folder / "numbers.yaml"), folder / "many")
    return folder / "many"


@pytest.fixture(scope="module")
def translator(run: Path) -> Translator:
    return Translator.load(run)


@pytest.fixture
def opened_once(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever opens the run has the model that is there already, whose graphs are compiled."""

    def load(*_: object, to: str | None = None, **__: object) -> Translator:
        return translator.into(to) if to else translator

    monkeypatch.setattr(Translator, "load", load)


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
    assert [(str(each.languages), each.sentences, each.zero_shot) for each in report.of_pairs] == [
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


@pytest.mark.usefixtures("opened_once")
def test_the_tag_is_seen_in_attention_and_aligned_with_no_word(run: Path):
    read = AttentionReader.load(run, to="fr").read(SENTENCE)
    assert read.views["tokens"]["cross"].columns[0] == "<2fr>"
    assert read.views["words"]["cross"].columns == ("one", "two", "three", "</s>")
    (aligned,) = Aligner.load(run, to="fr").align([SENTENCE], [TRANSLATIONS["fr"]])
    assert {source for source, _ in aligned.links} <= {0, 1, 2}


def answer_of_this_process(request: Request) -> Answer:
    """What a fresh one would answer; tests of the formats and of the gate start those."""
    return PROBES[request.format](Request(**json.loads(json.dumps(dataclasses.asdict(request)))))


def test_a_saved_model_has_the_tag_in_its_graph(translator: Translator, monkeypatch: pytest.MonkeyPatch):
    graph, french = SavedTranslator(translator.into("fr")), translator.into("fr")
    sentences = [SENTENCE, "", " ".join([SENTENCE] * 20)]
    found = [text.decode() for text in graph.translate(tf.constant(sentences)).numpy()]
    assert found == french.translate_text(sentences, None)
    assert found[0] == TRANSLATIONS["fr"]
    monkeypatch.setattr("translator.decoding.translator.open_graph", lambda _: graph)
    assert Translator.load_exported("exported").source.prefix == french.source.prefix


@pytest.mark.usefixtures("opened_once")
@pytest.mark.parametrize("name", ["ctranslate2", "argos", "huggingface"])
def test_exports_translate_into_the_language_that_they_are_made_for(
    run: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("tokenizers" if name == "huggingface" else "ctranslate2")
    # In the others are markers such as </s>, of whose characters this vocabulary has none.
    monkeypatch.setattr(gate, "ODD_SENTENCES", ("", " \t"))
    monkeypatch.setattr(gate, "_ask", answer_of_this_process)
    figures = export_run(run, tmp_path / name, name, languages=(None, "fr"))  # passes the gate
    assert figures["languages"] == ["en", "fr"]
    assert figures["tags"] == {"de": "<2de>", "fr": "<2fr>", "en": "<2en>"}
    card = (tmp_path / name / "MODEL_CARD.md").read_text(encoding="utf-8")
    if name == "ctranslate2":
        assert "| English to German | " in card
        assert "- en\n- de\n- fr\n" in card
        assert "the tag of the target language: <2de>, <2fr>, <2en>;" in card
    else:
        assert "It translates sentences from English to French." in card
        assert "- en\n- fr\npipeline_tag" in card
        report = Report.read(RunFolder(run).report)
        assert report is not None
        assert f"| BLEU | {report.of_pairs[1].scores.bleu:.2f} | " in card


@pytest.mark.usefixtures("opened_once")
def test_a_server_has_each_pair(run: Path):
    models = open_models([run], Limits(), engine="transformer")
    try:
        assert models.languages == {"en": ["de", "fr"], "de": ["en"], "fr": ["en"]}
        for language, expected in TRANSLATIONS.items():
            model = models.find("en", language)
            assert model.batcher.submit(TEXT, [SENTENCE]).result() == [expected]
        assert [detect(text, models.profiles())[0][0] for text in (SENTENCE, "null fünf", "zéro cinq")] == list(WORDS)
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
def test_translate_says_in_one_line_which_languages_there_are_before_it_converts_anything(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
):
    code, out, err = command(monkeypatch, capsys, "translate", str(run), "--engine", "ctranslate2", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(said)
    assert err.count("\n") == 1
    assert not RunFolder(run).engines.exists()


@pytest.mark.parametrize("arguments", [("--alignment", "--input=lines.txt"), ("--document=page.md", "--output=out.md")])
def test_words_are_those_of_the_language_that_the_text_is_from(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
):
    def load(*_: object, to: str, source: str, **__: object) -> Aligner:
        raise OptionsError(f"words of {source} are aligned with those of {to}")

    monkeypatch.setattr(Aligner, "load", load)
    monkeypatch.chdir(tmp_path)
    for name, text in (("lines.txt", "un"), ("page.md", "un *deux* trois")):
        written(tmp_path / name, [text])
    code, _, err = command(monkeypatch, capsys, "translate", str(run), "--to=en", "--from=fr", *arguments)
    assert (code, err) == (2, "words of fr are aligned with those of en\n")


def test_a_model_of_one_pair_takes_its_own_language_alone(tmp_path: Path):
    write(tmp_path)
    one = [f"data.{name}={json.dumps(corpora(split, PAIRS[:1]))}" for name, split in SPLITS.items()]
    data = load_config(tmp_path / "numbers.yaml", one).data
    assert data.tagged == ()
    assert chosen_pair(data) == chosen_pair(data, "de") == ("en", "de")
    with pytest.raises(OptionsError, match="does not translate into 'fr'; it translates into de"):
        chosen_pair(data, "fr")


@pytest.mark.parametrize(("source", "target", "lacking"), [("en", "cs", "into cs"), ("cs", "en", "from cs")])
def test_a_corpus_of_a_language_that_training_lacks_is_refused(tmp_path: Path, source: str, target: str, lacking: str):
    write(tmp_path)
    with pytest.raises(ConfigError, match=f"nothing is trained to translate {lacking}, as from {source} to {target}"):
        load_config(
            tmp_path / "numbers.yaml", [f"data.test=[{{files: 'test.{{lang}}', source: {source}, target: {target}}}]"]
        )


def test_a_test_set_of_one_pair_says_which_it_is(run: Path, translator: Translator):
    report = evaluate_run(run, translator, ["data.test=[{files: 'test.{lang}', source: de, target: fr}]"])
    assert [(each.languages, each.zero_shot) for each in report.of_pairs] == [(("de", "fr"), True)]
    assert report.of_pairs[0].scores == report.scores
    assert report.part(LanguagePair("en", "de")) is None
    assert set(report.languages(LanguagePair("en", "de"))) == {("de", "fr")}


def test_the_page_knows_the_languages_of_each_sentence(run: Path):
    facts = Facts.of(RunFolder(run))
    assert facts.languages_of_sentences[::20] == [*PAIRS, ("de", "fr")]
    page = (RunFolder(run).report / "index.html").read_text(encoding="utf-8")
    source = (run.parent / "test.fr").read_text(encoding="utf-8").splitlines()[0]
    assert not re.search(f'<dd lang="en"[^>]*>{source}</dd>', page)


def test_damage_to_a_test_set_of_one_pair_needs_no_language(run: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[int, int, str]] = []

    def measured(translator: Translator, test_set: TestSet, target_language: str, *_: object) -> Robustness:
        asked.append((translator.source.prefix[0], len(test_set.pairs), target_language))
        return Robustness(())

    monkeypatch.setattr("translator.evaluation.test_set.measure_robustness", measured)
    robustness_of_run(run, settings=["data.test=[{files: 'test.{lang}', source: en, target: fr}]"])
    assert asked == [(tags_of(load_tokenizers(RunFolder(run))[0])["fr"], 20, "fr")]


def test_a_language_that_the_model_lacks_is_said_before_what_the_test_set_lacks(run: Path):
    with pytest.raises(OptionsError, match="does not translate into 'cs'; it translates into de, fr, en"):
        own_test_set(RunFolder(run), to="cs")


def test_a_run_of_one_pair_is_compared_with_its_part_of_a_test_set(run: Path, tmp_path: Path):
    report, config = Report.read(RunFolder(run).report), RunFolder(run).load_config()
    assert report is not None
    part, own = report.part(LanguagePair("en", "fr")), RunFolder(tmp_path / "own")
    assert part is not None
    part.write(own.report)
    save_config(config.of_pair(LanguagePair("en", "fr")), own.config)
    for paths in ([run, own.path], [own.path, run]):
        found = compare_given(Given(paths))
        assert found.language == "fr"
        assert len(found.sentences) == 20
        assert found.metrics["bleu"].differences[0].value == 0


def test_a_run_of_one_pair_that_began_with_tags_has_them_in_modified_sentences_too(run: Path, tmp_path: Path):
    settings = [
        *(f"data.{name}={json.dumps(corpora(split, PAIRS[1:2]))}" for name, split in SPLITS.items()),
        "data.target=fr",
        "data.modifiers.noise=0.9",
        f"train.init_from={run}",
    ]
    config = load_config(run.parent / "numbers.yaml", settings)
    tokenizers, store = prepare(config, RunFolder(tmp_path))
    step = next(make_batches(config, store, tokenizers, 1).start(Position()))
    sources = step.slices[0].source[0]
    assert set(sources[:, 0].tolist()) == {tags_of(tokenizers[0])["fr"]}


def test_a_head_is_measured_on_languages_that_have_a_validation_set(run: Path):
    with pytest.raises(RunError, match="has no validation set from de to en, on which heads are measured"):
        report_of_run(run, to="en")


def test_an_export_of_languages_without_a_validation_set_is_checked_on_those_into_the_same_one(
    run: Path, caplog: pytest.LogCaptureFixture
):
    data = RunFolder(run).load_config().data
    (first,) = gate.validation_pairs(data, LanguagePair("de", "fr"), 1)
    assert first.target == (run.parent / "val.fr").read_text(encoding="utf-8").splitlines()[0]
    assert gate.validation_pairs(data, LanguagePair("de", "en"), 1) == []
    assert "made-up sentences alone: there is no validation set into en" in caplog.text


def test_the_user_of_a_model_of_one_language_is_told_of_its_tag(translator: Translator):
    tokenizers = translator.into("de").source, translator.target
    one = Translator(tokenizers, translator.engine, translator.options, 24, 8, languages=["de"])
    figures = gate._languages(one, LanguagePair("en", "de"))
    assert figures == {"tags": {"de": "<2de>"}, "languages": ["en", "de"]}
    assert usage_of("ctranslate2", figures, "translator", "out").endswith(
        "The first token of each source is the tag of the target language: <2de>; SentencePiece does not add it."
    )


def test_sentences_of_untrained_pairs_are_judged_by_what_others_tell_of_their_languages(tmp_path: Path):
    config = load_config(write(tmp_path) / "numbers.yaml")
    assert [found for found in check_corpora(config).findings if "language" in found.kind] == []
    written(tmp_path / "test.fr", ["μηδέν ένα δύο"] * 20)
    found = [each.kind for each in check_corpora(config).findings if each.corpus.startswith("test:")]
    assert found.count("wrong-target-language") == 2  # of en-fr and de-fr


def test_an_error_in_a_corpus_names_its_place_among_those_of_all_pairs(tmp_path: Path):
    config = load_config(write(tmp_path) / "numbers.yaml")
    (tmp_path / "train.fr").unlink()
    unreadable = [found.message for found in check_corpora(config).findings if found.kind == "unreadable"]
    assert [re.findall(r"which (\S+) names", message) for message in unreadable] == [
        ["data.train.1.files"], ["data.train.3.files"],
    ]  # fmt: skip


def test_translators_into_other_languages_share_the_vocabulary_and_its_tables(translator: Translator):
    french = translator.into("fr")
    assert french.cutter.places is translator.cutter.places
    assert french.source._processor is translator.into("de").source._processor
    assert french.source.prefix != translator.into("de").source.prefix


def test_models_of_one_run_open_its_own_model_once(monkeypatch: pytest.MonkeyPatch):
    begun, opened = threading.Barrier(2), []

    class Engineless:
        engine = None

        def into(self, _: str) -> "Engineless":
            return self

    def load(*_: object) -> Engineless:
        opened.append(1)
        time.sleep(0.2)  # while the other thread is there
        return Engineless()

    monkeypatch.setattr(Translator, "load", load)
    config = SimpleNamespace(of_pair=lambda _: SimpleNamespace(data=SimpleNamespace(source="en", target="de")))
    run = opening._Served(Path(), config, Engineless(), None, None)  # type: ignore[arg-type]

    def ask() -> None:
        begun.wait()
        run._open_own(LanguagePair("en", "de"))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [1]
