import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from tests.hostile import contents
from tests.tokenizers import tokenizer_of
from translator.config.corpora import CorpusConfig
from translator.config.data import DataConfig
from translator.config.load import load_config
from translator.config.schema import Config
from translator.config.tokenizer import TokenizerConfig
from translator.data import inputs as inputs_module
from translator.data import prepare as prepare_module
from translator.data.corpora.base import CorpusError
from translator.data.corpora.formats import read_all
from translator.data.preflight import require_evaluation_corpora
from translator.data.prepare import prepare, prepare_tokenizers
from translator.data.store import open_store
from translator.data.tokenizer import TokenizerError
from translator.run_folder import RunError, RunFolder
from translator.vocabulary import UNK_ID

# In training alone: lower case. In validation and test alone: Ω and Ψ.
TRAIN_EN = ["one two seven", "two three", "", "three one eleven one", "twelve"] * 8
TRAIN_DE = ["eins zwei sieben", "zwei drei", "leer", "drei eins elf eins", "zwölf"] * 8


KILLED_WITH_WORKERS = """
import multiprocessing, os, signal, sys
from pathlib import Path
from translator.data import encoding
from translator.data.corpora.base import SentencePair
from translator.data.filters import Filtered
from translator.data.tokenizer import Tokenizer

encoding.ENCODED_ALONE, encoding.ENCODED_TOGETHER = 0, 1
tokenizer = Tokenizer(Path(sys.argv[1]).read_bytes())
pairs = [Filtered(number, SentencePair("one", "two")) for number in range(1, 100)]
for _ in encoding._encode(pairs, (tokenizer, tokenizer), 9):
    print(*[process.pid for process in multiprocessing.active_children()], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    return folder


OF_A_VOCABULARY = ["inputs.json", "tokenizer.source.model", "tokenizer.target.model"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "train.en", TRAIN_EN)
    write(tmp_path / "train.de", TRAIN_DE)
    write(tmp_path / "val.en", ["one Ω ΩΩ Ω", ""] * 20)
    write(tmp_path / "val.de", ["eins Ψ ΨΨ Ψ", "nicht leer"] * 20)
    return tmp_path


def write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def config_of(root: Path, **tokenizer: Any) -> Config:
    return Config.model_validate(
        {
            "data": {
                "root": root,
                "train": "train.{lang}",
                "validation": "val.{lang}",
                "test": "val.{lang}",
                "max_tokens": 12,
            },
            "tokenizer": {"vocabulary_size": 28, **tokenizer},
            "model": {"tied_embeddings": "none"},
            "train": {"max_steps": 2000},
        }
    )


@pytest.mark.parametrize("joint", [True, False])
def test_vocabularies_are_learned_from_the_training_split_alone(root: Path, run: RunFolder, joint: bool):
    source, target = prepare_tokenizers(config_of(root, joint=joint, vocabulary_size=28 if joint else 18), run)
    for tokenizer in (source, target):
        (ids,) = tokenizer.encode(["Ω Ψ"])
        assert ids.count(UNK_ID) == 2
    # …and all that it has: no character of it is unknown.
    assert UNK_ID not in {piece for ids in source.encode(TRAIN_EN) for piece in ids}
    assert UNK_ID not in {piece for ids in target.encode(TRAIN_DE) for piece in ids}


def test_a_joint_vocabulary_is_one_and_of_both_sides_with_a_normalisation_each(root: Path, run: RunFolder):
    config = config_of(root)
    source, target = prepare_tokenizers(config, run)
    texts = [text for pair in zip(TRAIN_EN, TRAIN_DE, strict=True) for text in pair]
    assert source.model == tokenizer_of(texts, config.tokenizer).model
    assert target.model == source.with_normalization("keep").model
    assert sorted(path.name for path in run.path.iterdir()) == OF_A_VOCABULARY


def test_a_joint_vocabulary_holds_what_each_side_makes_of_its_text(root: Path, run: RunFolder):
    write(root / "train.en", ["½ cup"] * 9)
    write(root / "train.de", ["½ Tasse"] * 9)
    source, target = prepare_tokenizers(config_of(root, vocabulary_size=17), run)
    assert source.decode(source.encode(["½ cup"])) == ["1⁄2 cup"]
    assert target.decode(target.encode(["½ Tasse"])) == ["½ Tasse"]


def test_normalisations_can_be_chosen(root: Path, run: RunFolder):
    config = config_of(root, source_normalization="keep", target_normalization="nmt_nfkc_cf")
    source, target = prepare_tokenizers(config, run)
    assert target.encode(["EINS"]) == target.encode(["eins"])
    assert source.encode(["ONE"]) != source.encode(["one"])


@pytest.mark.parametrize("joint", [True, False])
def test_an_existing_model_is_used(root: Path, run: RunFolder, joint: bool):
    own = tokenizer_of(TRAIN_EN + TRAIN_DE, config_of(root).tokenizer, "nfkc")
    for name in ("spm.model", "spm.en.model", "spm.de.model"):
        own.save(root / name)
    model = root / ("spm.model" if joint else "spm.{lang}.model")
    source, target = prepare_tokenizers(config_of(root, model=model, joint=joint, target_normalization="keep"), run)
    assert source.decode(source.encode(["ﬁ x…"])) == own.decode(own.encode(["ﬁ x…"]))
    assert target.pieces(range(28)) == own.pieces(range(28))
    (root / "spm.model").unlink()
    assert prepare_tokenizers(config_of(root), run)[0].model == source.model  # the run has its own copy


def test_a_model_that_cannot_be_sampled_from_is_refused_at_once(root: Path, run: RunFolder):
    texts = [*TRAIN_EN, *TRAIN_DE]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=str(root / "spm"), model_type="word", vocab_size=10, minloglevel=2
    )
    with pytest.raises(
        TokenizerError, match=r"^tokenizer\.sampling_alpha needs a unigram or BPE model; .* a word model"
    ):
        prepare_tokenizers(config_of(root, model=root / "spm.model", sampling_alpha=0.1), run)


def test_settings_that_an_adopted_model_decides_for_itself_are_told(
    root: Path, run: RunFolder, caplog: pytest.LogCaptureFixture
):
    tokenizer_of(TRAIN_EN + TRAIN_DE, config_of(root).tokenizer).save(root / "spm.model")
    config = config_of(root, model=root / "spm.model", kind="bpe", vocabulary_size=30, byte_fallback=True)
    prepare_tokenizers(config, run)
    assert caplog.messages == [
        f"tokenizer.{key} {asked} is not used: tokenizer.model {root / 'spm.model'} has {own}"
        for key, asked, own in (("kind", "bpe", "unigram"), ("vocabulary_size", 30, 28), ("byte_fallback", True, False))
    ]


def test_a_missing_model_is_named(root: Path, run: RunFolder):
    with pytest.raises(TokenizerError, match=rf"^tokenizer.model: {root}/none.model cannot be read: No such file"):
        prepare_tokenizers(config_of(root, model=root / "none.model"), run)


def test_a_run_with_one_tokenizer_for_both_sides_still_opens(root: Path, run: RunFolder):
    own = tokenizer_of(TRAIN_EN + TRAIN_DE, config_of(root).tokenizer)
    own.save(run.path / "tokenizer.model")
    assert [side.model for side in prepare_tokenizers(config_of(root), run)] == [own.model] * 2


def test_separate_vocabularies_are_each_of_one_side(root: Path, run: RunFolder):
    config = config_of(root, joint=False, vocabulary_size=18)
    source, target = prepare_tokenizers(config, run)
    assert source.model == tokenizer_of(TRAIN_EN, config.tokenizer).model
    assert target.model == tokenizer_of(TRAIN_DE, config.tokenizer, "keep").model
    assert sorted(path.name for path in run.path.iterdir()) == OF_A_VOCABULARY


def test_the_store_has_the_training_pairs_but_those_with_an_empty_side(root: Path, run: RunFolder):
    (tokenizer, _), store = prepare(config_of(root), run)
    kept = [(english, german) for english, german in zip(TRAIN_EN, TRAIN_DE, strict=True) if english]
    for sequences, texts in zip((store.source, store.target), zip(*kept, strict=True), strict=True):
        assert tokenizer.decode([sequences[row].tolist() for row in range(len(sequences))]) == list(texts)
    assert (store.counts.kept, store.counts.empty) == (32, 8)


def test_a_blank_line_of_a_tsv_is_left_out_of_training_and_kept_in_evaluation(root: Path, run: RunFolder):
    pairs = zip(TRAIN_EN, TRAIN_DE, strict=True)
    write(root / "t.tsv", [f"{english}\t{german}" if english else "" for english, german in pairs])
    data = config_of(root).data.model_copy(update={"train": (CorpusConfig(tsv="t.tsv"),)})
    _, store = prepare(config_of(root).model_copy(update={"data": data}), run)
    assert (store.counts.kept, store.counts.empty) == (32, 8)
    assert store.numbers[:4].tolist() == [1, 2, 4, 5]
    assert read_all(data.train, data)[1:4] == [
        ("two three", "zwei drei"),
        ("", ""),
        ("three one eleven one", "drei eins elf eins"),
    ]


def test_what_is_there_is_not_done_again(root: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    (before, _), _ = prepare(config_of(root), run)
    manifest = (run.data / "manifest.json").stat()
    monkeypatch.setattr(prepare_module, "train_tokenizers", None)
    monkeypatch.setattr(prepare_module, "write_store", None)
    (after, _), store = prepare(config_of(root), run)
    assert after.model == before.model
    assert (run.data / "manifest.json").stat().st_mtime_ns == manifest.st_mtime_ns
    assert len(store) == 32


def test_a_store_that_was_deleted_is_written_anew(root: Path, run: RunFolder):
    _, before = prepare(config_of(root), run)
    ids = before.source.ids.tolist()
    for path in run.data.iterdir():
        path.unlink()
    run.data.rmdir()
    _, after = prepare(config_of(root), run)
    assert after.source.ids.tolist() == ids


def test_a_corpus_that_changed_since_the_vocabulary_was_learned_is_encoded_anew_if_agreed_to(
    root: Path, run: RunFolder
):
    (before, _), _ = prepare(config_of(root), run)
    write(root / "train.en", ["two"] * 3)
    write(root / "train.de", ["zwei"] * 3)
    with pytest.raises(RunError) as caught:
        prepare(config_of(root), run)
    assert str(caught.value) == (
        f"{run.path} was prepared from other data: {root / 'train.en'} has changed; {root / 'train.de'} has changed. "
        f"Restore the files, or delete {run.path} to learn the vocabulary again, or keep it for the present ones by "
        "--set data.on_change=continue"
    )
    (after, _), store = prepare(changed_data(config_of(root), on_change="continue"), run)
    assert after.model == before.model
    assert after.decode([store.source[row].tolist() for row in range(len(store))]) == ["two"] * 3


def test_a_corpus_that_changes_before_it_is_encoded_is_not_that_of_the_vocabulary(root: Path, run: RunFolder):
    prepare_tokenizers(config_of(root), run)
    write(root / "train.de", ["zwei"] * 40)
    with pytest.raises(RunError, match=r"train\.de has changed\. Restore the files, or delete .* to learn"):
        prepare(config_of(root), run)


def test_a_vocabulary_that_was_adopted_is_of_no_corpus(root: Path, run: RunFolder, tmp_path: Path):
    prepare(config_of(root), run)
    config = config_of(root, model=run.tokenizer("source"))
    other = RunFolder(tmp_path / "other")
    other.path.mkdir()
    prepare(config, other)
    write(root / "train.en", ["two"] * 3)
    write(root / "train.de", ["zwei"] * 3)
    _, store = prepare(config, other)
    assert len(store) == 3


def test_a_change_of_the_same_size_is_seen(root: Path, run: RunFolder):
    prepare(config_of(root), run)
    path = root / "train.de"
    stat = path.stat()
    path.write_text(path.read_text(encoding="utf-8").replace("zwei", "drei"), encoding="utf-8")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    (tokenizer, _), store = prepare(changed_data(config_of(root), on_change="continue"), run)
    assert tokenizer.decode([store.target[0].tolist()]) == ["eins drei sieben"]


def test_a_file_that_was_touched_but_not_changed_is_not_encoded_again(
    root: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    prepare(config_of(root), run)
    os.utime(root / "train.en")
    monkeypatch.setattr(prepare_module, "write_store", None)
    _, store = prepare(config_of(root), run)
    assert len(store) == 32


def test_a_file_that_is_as_it_was_is_not_read_again(root: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    prepare(config_of(root), run)
    monkeypatch.setattr(inputs_module, "sha256", None)
    _, store = prepare(config_of(root), run)
    assert len(store) == 32


def test_what_is_done_is_shown_with_the_pairs_that_there_are(
    root: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(prepare_module, "SHOWN_EVERY", 16)
    shown: list[tuple[int, int | None, str | None]] = []
    prepare(config_of(root), run, lambda done, total=None, what=None: shown.append((done, total, what)))
    assert shown == [
        (16, None, "drawing sentences for the vocabulary"),
        (32, None, "drawing sentences for the vocabulary"),
        (40, 40, "learning the vocabulary"),
        (40, 40, "encoding the corpus"),
    ]


def with_data(config: Config, **settings: Any) -> Config:
    given = config.model_dump()
    return Config.model_validate({**given, "data": {**given["data"], **settings}})


def test_what_filters_leave_out_is_in_neither_vocabulary_nor_store_and_is_counted(root: Path, run: RunFolder):
    write(root / "train.en", [*TRAIN_EN, "one Ж", "two", "two"])
    write(root / "train.de", [*TRAIN_DE, "eins Ж", "zwei", "zwei"])
    config = with_data(config_of(root), filters={"forbidden": ["Ж"], "duplicates": True, "list": True})
    (source, target), store = prepare(config, run)
    assert UNK_ID in source.encode(["Ж"])[0]
    assert store.counts.filtered == {"duplicates": 7 * 4 + 1, "forbidden": 1}
    assert (store.counts.kept, store.counts.empty) == (5, 8)
    assert store.numbers.tolist() == [1, 2, 4, 5, 42]
    lines = run.left_out.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 30
    assert lines[-2:] == [
        f"{root / 'train.en'}:41\tforbidden\tone Ж\teins Ж",
        f"{root / 'train.en'}:43\tduplicates\ttwo\tzwei",
    ]
    assert target.encode(["zwei"]) == [store.target[4].tolist()]


def test_no_filter_touches_an_evaluation_corpus(root: Path):
    config = with_data(config_of(root), filters={"duplicates": True, "max_length": 1})
    require_evaluation_corpora(config.data)
    assert len(read_all(config.data.validation, config.data)) == 40


@pytest.mark.parametrize(
    ("change", "is_written_anew"),
    [
        ({"filters": {"max_length": 2}}, True),
        ({"train": {"files": "train.{lang}", "pairs": 20}}, True),
        ({"filters": {"list": False}}, False),
        ({"temperature": 5.0}, False),
        ({"train": {"files": "train.{lang}", "weight": 2.0}}, False),
    ],
)
def test_the_store_is_written_anew_exactly_if_a_setting_matters_to_it(
    root: Path, run: RunFolder, change: dict[str, Any], is_written_anew: bool
):
    _, before = prepare(config_of(root), run)
    written = (run.data / "manifest.json").stat().st_mtime_ns
    _, after = prepare(with_data(config_of(root), **change), run)
    assert (after.fingerprint != before.fingerprint) == is_written_anew
    assert ((run.data / "manifest.json").stat().st_mtime_ns != written) == is_written_anew


def test_workers_end_with_a_process_that_is_killed(root: Path):
    tokenizer = tokenizer_of(["one two three four", "five six seven"], TokenizerConfig(vocabulary_size=22))
    (root / "model").write_bytes(tokenizer.model)
    killed = subprocess.run([sys.executable, "-c", KILLED_WITH_WORKERS, str(root / "model")], stdout=subprocess.PIPE)
    assert killed.returncode == -signal.SIGKILL
    workers = list(map(int, killed.stdout.split()))
    assert workers
    deadline = time.monotonic() + 60
    while alive := [pid for pid in workers if is_alive(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process computes or waits; one that has ended may be there still, without anybody who asks for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_columns_matter_to_the_store(root: Path, run: RunFolder):
    write(root / "t.tsv", ["\t".join(pair) for pair in zip(TRAIN_EN, TRAIN_DE, reversed(TRAIN_DE), strict=True)])
    for columns, first in (([1, 2], TRAIN_DE[0]), ([1, 3], TRAIN_DE[-1]), ({"en": 1, "de": 2}, TRAIN_DE[0])):
        (_, target), store = prepare(with_data(config_of(root), train={"tsv": "t.tsv", "columns": columns}), run)
        assert target.decode([store.target[0].tolist()]) == [first]


def test_a_list_that_is_asked_for_later_is_written_and_one_of_another_store_is_deleted(root: Path, run: RunFolder):
    listing, plain = ({"duplicates": True, "list": asked} for asked in (True, False))
    prepare(with_data(config_of(root), filters=plain), run)
    assert not run.left_out.exists()
    prepare(with_data(config_of(root), filters=listing), run)
    assert len(run.left_out.read_text(encoding="utf-8").splitlines()) == 28
    for language in ("en", "de"):
        (root / f"train.{language}").rename(root / f"gone.{language}")
    run.left_out.unlink()
    prepare(with_data(config_of(root), filters=listing), run)  # the store is enough to go on with
    for language in ("en", "de"):
        (root / f"gone.{language}").rename(root / f"train.{language}")
    prepare(with_data(config_of(root), filters=listing), run)
    prepare(config_of(root), run)
    assert not run.left_out.exists()


def test_another_length_limit_leaves_out_other_pairs(root: Path, run: RunFolder):
    config = config_of(root)
    (tokenizer, _), _ = prepare(config, run)
    lengths = [max(map(len, tokenizer.encode(pair))) for pair in zip(TRAIN_EN, TRAIN_DE, strict=True) if pair[0]]
    limit = max(lengths) - 1
    assert limit >= 2
    shorter = config.model_copy(update={"data": config.data.model_copy(update={"max_tokens": limit})})
    _, store = prepare(shorter, run)
    assert store.counts.too_long == sum(length > limit for length in lengths) > 0
    assert len(store) == sum(length <= limit for length in lengths)


def test_evaluation_pairs_are_all_kept_blank_and_long_ones_too(root: Path):
    write(root / "val.en", ["", "one " * 500, "two", ""])
    write(root / "val.de", ["", "eins", "", "vier"])
    config = config_of(root)
    pairs = read_all(config.data.validation, config.data)
    assert [tuple(pair) for pair in pairs] == [("", ""), ("one " * 500, "eins"), ("two", ""), ("", "vier")]


def test_several_evaluation_corpora_come_one_after_the_other(root: Path):
    write(root / "more.tsv", ["a\tb"])
    data = config_of(root).data
    corpora = type(data)(train="x.{lang}", validation=["val.{lang}", {"tsv": "more.tsv"}]).validation
    pairs = read_all(corpora, data)
    assert len(pairs) == 41
    assert tuple(pairs[-1]) == ("a", "b")


def test_an_empty_evaluation_corpus_is_an_error_that_names_it(root: Path):
    write(root / "val.en", [])
    write(root / "val.de", [])
    config = config_of(root)
    with pytest.raises(CorpusError, match=r"val\.en and .*val\.de: there is no sentence pair"):
        read_all(config.data.validation, config.data)


# A corpus that changes under a run


@pytest.fixture
def trained(root: Path, run: RunFolder) -> RunFolder:
    """A run that has a checkpoint."""
    prepare(config_of(root), run)
    (run.checkpoints / "step-00000500").mkdir(parents=True)
    return run


def changed_data(config: Config, **settings: Any) -> Config:
    return config.model_copy(update={"data": config.data.model_copy(update=settings)})


@pytest.mark.parametrize("store", ["is there", "was deleted"])
def test_a_corpus_that_changed_under_a_trained_run_is_refused_unless_agreed_to(
    root: Path, trained: RunFolder, store: str
):
    if store == "was deleted":
        shutil.rmtree(trained.data)
    before = contents(trained.path)
    write(root / "train.de", ["zwei"] * 40)
    with pytest.raises(RunError) as caught:
        prepare(config_of(root), trained)
    assert str(caught.value).startswith(
        f"{trained.path} was trained on other data: {root / 'train.de'} has changed. Restore the files"
    )
    assert "by --set data.on_change=continue" in str(caught.value)
    assert contents(trained.path) == before
    (_, tokenizer), now = prepare(changed_data(config_of(root), on_change="continue"), trained)
    assert tokenizer.decode([now.target[0].tolist()]) == ["zwei"]
    prepare(config_of(root), trained)


def test_a_corpus_that_was_moved_or_touched_has_not_changed(root: Path, trained: RunFolder, tmp_path: Path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in root.glob("train.*"):
        path.rename(moved / path.name)
    before = open_store(trained.data, None)
    _, store = prepare(config_of(moved), trained)
    assert before is not None
    assert store.fingerprint == before.fingerprint


def test_a_corpus_that_is_gone_is_missed_only_where_it_is_read(
    root: Path, trained: RunFolder, caplog: pytest.LogCaptureFixture
):
    for path in root.glob("train.*"):
        path.unlink()
    _, store = prepare(config_of(root), trained)
    assert len(store) == 32
    assert [record.getMessage() for record in caplog.records] == [
        f"{root / name} is gone; continuing with the encoded copy of it" for name in ("train.en", "train.de")
    ]
    prepare(config_of(root), trained)
    shutil.rmtree(trained.data)
    with pytest.raises(CorpusError, match=rf"there is no file {root / 'train.en'}, which data.train.files names"):
        prepare(config_of(root), trained)


def test_half_of_a_corpus_that_is_gone_is_a_change(root: Path, trained: RunFolder):
    (root / "train.de").unlink()
    with pytest.raises(RunError, match=rf"trained on other data: {root / 'train.de'} is gone\. Restore the files$"):
        prepare(config_of(root), trained)


@pytest.mark.parametrize("kind", ["text files", "records"])
def test_a_tfds_folder_that_changes_under_a_trained_run_is_refused(root: Path, run: RunFolder, kind: str):
    folder = root / "set"
    if kind == "records":
        builder = numbers_translate()(data_dir=str(folder))
        builder.download_and_prepare()
        folder = Path(builder.data_dir)
    else:
        folder.mkdir()
        write(folder / "en.train.txt", TRAIN_EN)
        write(folder / "de.train.txt", TRAIN_DE)
    config = changed_data(config_of(root), train=(CorpusConfig(tfds=str(folder)),))
    prepare(config, run)
    (run.checkpoints / "step-00000500").mkdir(parents=True)
    prepare(config, run)
    path = next(path for path in sorted(folder.iterdir()) if path.suffix != ".json")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(RunError, match=f"trained on other data: {path} has changed\\. Restore the files"):
        prepare(config, run)


def test_a_tfds_data_set_that_is_fetched_on_the_way_is_encoded_once(
    root: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    from tensorflow_datasets.core import constants

    monkeypatch.setattr(constants, "DATA_DIR", str(root / "sets"))
    config = changed_data(config_of(root), train=(CorpusConfig(tfds=numbers_translate().name),))
    prepare(config, run)
    monkeypatch.setattr(prepare_module, "write_store", None)
    _, store = prepare(config, run)
    assert len(store) == 32


@functools.cache
def numbers_translate() -> Any:
    """A data set that TFDS knows by its name, and that isn't prepared."""
    import tensorflow_datasets as tfds

    class NumbersTranslate(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> Any:
            return self.dataset_info_from_configs(features=tfds.features.Translation(languages=("en", "de")))

        def _split_generators(self, dl_manager: Any) -> Any:
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Iterator[Any]:
            for number, (english, german) in enumerate(zip(TRAIN_EN, TRAIN_DE, strict=True)):
                yield number, {"en": english, "de": german}

    return NumbersTranslate


def test_of_many_files_that_changed_some_are_named_and_the_rest_counted(root: Path, trained: RunFolder):
    inputs = json.loads(trained.inputs.read_text())
    trained.inputs.write_text(json.dumps(inputs + [inputs[0] | {"name": f"{i}", "path": f"{i}.rec"} for i in range(7)]))
    with pytest.raises(RunError, match=r"other data: 0.rec is gone; .*; 4.rec is gone and 2 more\. Restore the files$"):
        prepare(config_of(root), trained)


def test_other_weights_of_corpora_need_no_encoding(root: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    prepare(config_of(root), run)
    config = config_of(root)
    corpora = tuple(corpus.model_copy(update={"weight": 2.0}) for corpus in config.data.train)
    monkeypatch.setattr(prepare_module, "write_store", None)
    prepare(changed_data(config, train=corpora), run)


def test_a_vocabulary_that_is_gone_is_not_learned_anew_under_a_trained_run(root: Path, trained: RunFolder):
    path = trained.tokenizer("target")
    path.unlink()
    with pytest.raises(RunError, match=f"^{path} is gone, which {trained.path} was trained with; restore it"):
        prepare(config_of(root), trained)


# Evaluation


def evaluation_of(root: Path, **corpora: Any) -> DataConfig:
    return DataConfig.model_validate({"root": root, "train": "nowhere.{lang}", "validation": "val.{lang}", **corpora})


@pytest.mark.parametrize("section", ["validation", "test"])
@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ("nowhere.{lang}", r"there is no file .*nowhere.en, which data.\w+.1.files names"),
        ("uneven.{lang}", r"uneven.en has 1 lines but .*uneven.de has 2"),
        ("late.tsv", r"late.tsv:3: a line is source, tab, target"),
    ],
)
def test_a_fault_in_an_evaluation_corpus_is_found_before_training(root: Path, section: str, corpus: str, message: str):
    write(root / "uneven.en", ["a"])
    write(root / "uneven.de", ["a", "b"])
    write(root / "late.tsv", ["a\tb", "c\td", "e"])
    kind = "tsv" if corpus.endswith("tsv") else "files"
    require_evaluation_corpora(evaluation_of(root))
    with pytest.raises(CorpusError, match=message):
        require_evaluation_corpora(evaluation_of(root, **{section: ["val.{lang}", {kind: corpus}]}))


def test_a_test_corpus_without_a_pair_is_found_before_training(root: Path):
    write(root / "empty.tsv", [])
    with pytest.raises(CorpusError, match=r"empty\.tsv: there is no sentence pair"):
        require_evaluation_corpora(evaluation_of(root, test={"tsv": "empty.tsv"}))


def test_the_tanaka_corpus_has_as_many_subwords_as_its_configuration_asks_for(tanaka: Path, run: RunFolder):
    config = load_config(Path(__file__).parents[2] / "configs" / "tanaka_ja_en.yaml", [f"data.root={tanaka}"])
    tokenizer, _ = prepare_tokenizers(config, run)
    assert tokenizer.vocabulary_size == config.tokenizer.vocabulary_size
