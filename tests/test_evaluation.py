"""Scores worked out by hand, and against the `sacrebleu` command on the same files."""

import gzip
import importlib.util
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from sacrebleu.tokenizers import tokenizer_spm

from translator.evaluation import metrics
from translator.evaluation.metrics import (
    MOST_TER_WORDS,
    EvaluationError,
    bleu_tokenizer,
    literature_tokens,
    require_tokenizer,
)
from translator.evaluation.scores import corpus_bleu, score

LINES = [
    "The cat sat on the mat.",
    "It's 3,500 km – isn't it? “Yes”, said Mr. O'Neill (aged 5.5).",
    "Ein kleiner Junge fährt z.B. mit dem Fahrrad über die Straße.",
    "Zwei Männer, die Hüte tragen, stehen vor einem Geschäft & reden.",
    "«\u00a0L'homme\u00a0»\u2028dit qu'il\tvient.  ",
    "彼は毎朝コーヒーを飲みます。",
    "저는 학생입니다 .",
]


def corpus() -> tuple[list[str], list[str]]:
    """200 references and what a middling system might make of them: words dropped, swapped and changed."""
    rng = random.Random(7)
    words = " ".join(LINES).split(" ")
    references = LINES + [" ".join(rng.choices(words, k=rng.randint(1, 20))) for _ in range(193)]
    hypotheses = []
    for reference in references:
        tokens = [rng.choice(words) if rng.random() < 0.1 else word for word in reference.split(" ")]
        hypotheses.append(" ".join(word for word in tokens if rng.random() > 0.1))
    hypotheses[10] = ""
    return hypotheses, references


TER_OF_ASIA = ["--ter-normalized", "--ter-asian-support"]


@pytest.mark.parametrize(
    ("language", "options", "tokenize", "more"),
    [
        ("de", [], None, 0), ("ja", ["-tok", "char", *TER_OF_ASIA], None, 0),
        ("zh-TW", ["-tok", "zh", *TER_OF_ASIA], None, 0), ("de", [], None, 2),
        ("jpn_Jpan", ["-tok", "intl", *TER_OF_ASIA], "intl", 1), ("ko", ["-tok", "char"], None, 0),
    ],
)  # fmt: skip
def test_scores_and_signatures_are_those_of_the_sacrebleu_command(
    language: str, options: list[str], tokenize: str | None, more: int, tmp_path: Path
):
    hypotheses, references = corpus()
    others = [references[i:] + references[:i] for i in range(1, more + 1)]
    for name, lines in zip(["hyp", "0", "1", "2"], [hypotheses, references, *others], strict=False):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    files = [*map(str, range(more + 1)), "-i", "hyp"]
    theirs = sacrebleu(tmp_path, *files, "-m", "bleu", "chrf", "ter", "-w", "12", *options)
    plus_plus = sacrebleu(tmp_path, *files, "-m", "chrf", "--chrf-word-order", "2", "-w", "12")

    ours = score(hypotheses, references, language, tokenize, others)
    assert 20 < ours.bleu < 95
    assert round(ours.bleu, 12) == theirs["BLEU"]["score"]
    assert round(ours.chrf, 12) == theirs["chrF2"]["score"]
    assert ours.ter is not None
    assert (round(ours.ter, 12), ours.ter_signature) == (theirs["TER"]["score"], theirs["TER"]["signature"])
    assert ours.bleu_signature == theirs["BLEU"]["signature"]
    assert ours.chrf_signature == theirs["chrF2"]["signature"]
    assert ours.chrf_plus_plus is not None
    assert round(ours.chrf_plus_plus, 12) == plus_plus["chrF2++"]["score"]
    assert ours.chrf_plus_plus_signature == plus_plus["chrF2++"]["signature"]


def test_ter_is_of_characters_in_chinese_and_japanese_and_of_nothing_in_others_without_spaces():
    for language, expected in (("ja", 20), ("zh", 20), ("yue_Hant", 20), ("ryu_Jpan", None), ("th", None), ("de", 100)):
        assert score(["我我我我我"], ["我我他我我"], language, samples=0).ter == expected, language


def test_intervals_are_those_of_the_sacrebleu_command(tmp_path: Path):
    hypotheses, references = corpus()
    for name, lines in (("hyp", hypotheses), ("ref", references)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    confidence = "--confidence", "--confidence-n", "200", "-w", "6"
    theirs = sacrebleu(tmp_path, "ref", "-i", "hyp", "-m", "bleu", "chrf", "ter", *confidence)
    ours = score(hypotheses, references, "de", samples=200).intervals
    for key, name in (("bleu", "BLEU"), ("chrf", "chrF2"), ("ter", "TER")):
        low, high = ours[key]
        assert (high - low) / 2 == pytest.approx(theirs[name]["confidence_var"], abs=1e-4)  # they add in float32
    assert score(hypotheses, references, "de", samples=0).intervals == {}


def sacrebleu(folder: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    """The rows that the command prints, by the name of the metric."""
    command = [sys.executable, "-m", "sacrebleu", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    found = json.loads(ran.stdout)
    return {row["name"]: row for row in (found if isinstance(found, list) else [found])}


def test_one_wrong_word_in_six_scores_as_by_hand():
    scores = score(["the cat sat on the mat"], ["the cat sat on a mat"], "en")
    # Of 6, 5, 4 and 3 n-grams, 5, 3, 2 and 1 are right; `the` counts once.
    assert scores.bleu == pytest.approx(100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** (1 / 4))
    assert scores.ter == pytest.approx(100 / 6)


def test_a_short_hypothesis_pays_the_brevity_penalty():
    bleu = corpus_bleu(["the cat sat on"], ["the cat sat on the mat"], "en")
    assert bleu == pytest.approx(100 * math.exp(1 - 6 / 4))


def test_chrf_of_two_characters_of_three_is_as_by_hand():
    # Precision 1; recall (2/3 + 1/2) / 2 = 7/12 over 1- and 2-grams; F with β = 2.
    assert score(["ab"], ["abc"], "en").chrf == pytest.approx(100 * 5 * (7 / 12) / (4 + 7 / 12))


def test_chrf_plus_plus_counts_words_too():
    # Characters of abcd: 4, 3, 2 and 1 n-grams, all right. Words: `ab` in 1 of 2, no pair of 1; six orders in all.
    found = score(["ab cd"], ["ab dc"], "en")
    # Orders 1 to 4 and words 1 and 2: 4/4, 1/3 (ab), 0, 0, 1/2, 0.
    assert found.chrf_plus_plus == pytest.approx(100 * (1 + 1 / 3 + 1 / 2) / 6)


@pytest.mark.parametrize("language", ["de", "en", "fr", "cs", "ja", "zh", "ko"])
def test_the_reference_itself_is_perfect(language: str):
    scores = score(LINES, LINES, language)
    assert scores.bleu == pytest.approx(100)
    assert scores.chrf == pytest.approx(100)
    assert scores.ter == 0
    assert scores.bleu_lowercase_tokenized == pytest.approx(100)


def test_ter_is_left_out_where_it_would_not_end():
    long, longer = "a " * MOST_TER_WORDS, "b " * (MOST_TER_WORDS + 1)
    assert score([longer, "c"], [long, longer], "de").ter is not None
    assert score(["c", longer], ["c", longer.replace("b", "d")], "de").ter is None
    assert score(["c", " ".join(map(str, range(50_000)))], ["c", "d " * 50_000], "de").bleu >= 0
    assert score(["我" * (MOST_TER_WORDS + 1)], ["他" * (MOST_TER_WORDS + 1)], "zh").ter is None


def test_the_literatures_figure_ignores_case_spacing_and_kinds_of_quotes():
    scores = score(['ein mann sagt: "gut" , Oder ?'], ["Ein Mann sagt: „gut“, oder?"], "de")
    assert scores.bleu_lowercase_tokenized == pytest.approx(100)
    assert scores.bleu < 50


def test_the_literatures_figure_has_the_perl_scripts_quirks():
    # normalize-punctuation.perl makes a lone ’ a double quote.
    scores = score(['Rock "n" Roll ist das'], ["Rock ’n’ Roll ist das"], "de")
    assert scores.bleu_lowercase_tokenized == pytest.approx(100)


@pytest.mark.parametrize(
    ("language", "expected"),
    [("fr", 4 / 5 * 3 / 4 * 2 / 3 * 1 / 2), ("de", 5 / 6 * 4 / 5 * 3 / 4 * 2 / 3)],  # fr: l' homme; de: l ' homme
)
def test_the_literatures_figure_tokenizes_by_the_language(language: str, expected: float):
    scores = score(["l'homme voit la mer"], ["l'homme voit la lune"], language)
    assert scores.bleu_lowercase_tokenized == pytest.approx(100 * expected ** (1 / 4))


def test_the_literatures_tokens_are_byte_for_byte_those_of_its_own_references(multi30k: Path):
    published = multi30k / "references" / "test_2016_flickr.lc_tok.de.gz"
    if not published.is_file():
        pytest.skip(f"the references as the papers score them are not at {published}")
    lines = gzip.decompress((multi30k / "test_2016_flickr.de.gz").read_bytes()).decode().split("\n")[:-1]
    ours = "".join(f"{line}\n" for line in literature_tokens(lines, "de"))
    assert ours.encode() == gzip.decompress(published.read_bytes())
    assert len(lines) == 1000


def test_spbleu_is_bleu_of_subwords_where_its_model_is_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for module in (metrics, tokenizer_spm):
        monkeypatch.setattr(module, "SACREBLEU_DIR", str(tmp_path))
    assert score(["a b c d"], ["a b c d"], "en").spbleu is None
    with pytest.raises(
        EvaluationError, match=r"^sacreBLEU's tokenizer flores200 needs a model; download https://.* to /"
    ):
        require_tokenizer("flores200")

    model = metrics.spm_model("flores200")
    model.parent.mkdir()
    with model.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c d e"]), model_writer=file, model_type="char", vocab_size=9, minloglevel=2
        )
    found = score(["a b c d"], ["a b c e"], "en")
    # Characters and spaces: ▁ a ▁ b ▁ c ▁ d; of 8, 7, 6 and 5 n-grams all but those with d are right.
    assert found.spbleu == pytest.approx(100 * (7 / 8 * 6 / 7 * 5 / 6 * 4 / 5) ** (1 / 4))
    assert "tok:flores200|" in found.spbleu_signature


def test_the_literatures_figure_is_not_smoothed():
    scores = score(["one two three four"], ["one two five four"], "eng")
    assert scores.bleu_lowercase_tokenized == 0
    assert scores.bleu_lowercase_tokenized_signature.startswith("nrefs:1|case:lc|eff:no|tok:moses-en|smooth:none|")
    assert scores.bleu > 0


def test_japanese_is_scored_by_character_and_says_so():
    scores = score(["私は猫です"], ["私は犬です"], "ja")
    # 私は / です right: 4 of 5 characters, 2 of 4 pairs, no triple of 3 (smoothed to 1/2), no quadruple of 2 (to 1/4).
    assert scores.bleu == pytest.approx(100 * (4 / 5 * 2 / 4 * 1 / 2 / 3 * 1 / 4 / 2) ** (1 / 4))
    assert "tok:char" in scores.bleu_signature


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *[
            (code, "char")
            for code in ("ja", "jpn", "jpn_Jpan", "ja-JP", "ko", "kor", "kor_Hang", "th", "tha", "lo", "lao")
        ],
        *[
            (code, "char")
            for code in ("km", "khm", "my", "mya", "bo", "dzo", "shn_Mymr", "nod_Thai", "za_Hani", "Thai")
        ],
        *[(code, "zh") for code in ("zh", "zho", "cmn", "zho_Hans", "zh-Hant", "zht", "yue", "yue_Hant", "Chinese")],
        *[(code, "13a") for code in ("de", "deu", "deu_Latn", "vi", "nan_Latn", "kor_Latn", "xx", "")],
    ],
)
def test_the_tokenizer_suits_the_language_however_it_is_called(code: str, expected: str):
    assert bleu_tokenizer(code) == expected
    scores = score(["a"], ["b"], code)
    assert f"tok:{expected}|" in scores.bleu_signature
    assert corpus_bleu(["a"], ["b"], code) == scores.bleu


def test_the_tokenizer_that_is_asked_for_has_the_last_word():
    # 私は猫です and 私は犬です are two other words for 13a, and share 4 of 5 characters.
    by_word = score(["私は猫です"], ["私は犬です"], "ja", "13a")
    assert by_word.bleu == 0
    assert "tok:13a|" in by_word.bleu_signature
    assert by_word.bleu_lowercase_tokenized == score(["私は猫です"], ["私は犬です"], "ja").bleu_lowercase_tokenized


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("13b", "^sacreBLEU has no tokenizer '13b'; it has none, zh, 13a, intl, char, "),
        ("ja-mecab", r"^sacreBLEU's tokenizer ja-mecab cannot be used here: .*pip install sacrebleu\[ja\]$"),
    ],
)
def test_a_tokenizer_that_is_not_there_is_named_in_one_line(name: str, message: str):
    if name == "ja-mecab" and importlib.util.find_spec("MeCab"):
        pytest.skip("MeCab is installed")
    with pytest.raises(EvaluationError, match=message) as caught:
        require_tokenizer(name)
    assert "\n" not in str(caught.value)


def test_of_two_references_the_better_counts():
    one, other = ["the cat sat on the mat"], ["a cat is lying on the mat"]
    for hypotheses in (one, other):
        scores = score(hypotheses, one, "en", more_references=[other])
        assert (scores.bleu, scores.chrf, scores.ter) == pytest.approx((100, 100, 0))
        assert scores.bleu_lowercase_tokenized == pytest.approx(100)
        for signature in (scores.bleu_signature, scores.chrf_signature, scores.ter_signature):
            assert signature.startswith("nrefs:2|")


def test_a_language_in_three_letters_has_the_rules_of_moses():
    assert [score(["l'homme voit la mer"], ["l'homme voit la lune"], code).bleu_lowercase_tokenized for code in (
        "fra", "fr_FR", "fre_Latn",
    )] == pytest.approx([100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)] * 3)  # fmt: skip


@pytest.mark.parametrize("language", ["de", "ja", "zh"])
def test_validation_bleu_is_the_full_ones(language: str):
    hypotheses, references = corpus()
    assert corpus_bleu(hypotheses, references, language) == score(hypotheses, references, language).bleu


@pytest.mark.parametrize("function", [score, corpus_bleu])
def test_unequal_numbers_are_an_error_that_names_both(function):
    with pytest.raises(EvaluationError, match="found 3 hypotheses but 2 references"):
        function(["a", "b", "c"], ["a", "b"], "en")


def test_every_reference_has_as_many_lines():
    with pytest.raises(EvaluationError, match="found 2 hypotheses but 1 references"):
        score(["a", "b"], ["a", "b"], "en", more_references=[["a"]])


@pytest.mark.parametrize("function", [score, corpus_bleu])
def test_nothing_to_score_is_an_error(function):
    with pytest.raises(EvaluationError, match="found 0 hypotheses and 0 references"):
        function([], [], "en")


def test_a_language_that_moses_has_no_rules_for_is_scored_all_the_same():
    assert score(["gut"], ["gut"], "xx").chrf == pytest.approx(100)
