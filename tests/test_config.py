"""Every message is matched by the file, the key and the value that it carries."""

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from translator.config.corpora import CorpusConfig
from translator.config.load import dump_config, load_config, require_set_once, save_config
from translator.config.names import OTHER_NAMES
from translator.config.reference import describe_settings
from translator.config.schema import Config, ConfigError
from translator.config.section import Section

ROOT = Path(__file__).parents[1]
MINIMAL: dict[str, Any] = {
    "data": {"train": "train.{lang}", "validation": "val.{lang}"},
    "train": {"max_steps": 5000},
}


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    return written(tmp_path / "minimal.yaml", MINIMAL)


def written(path: Path, settings: Any) -> Path:
    path.write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings), encoding="utf-8")
    return path


def problems(path: Path, *overrides: str) -> list[str]:
    """The lines of the error that loading ends in."""
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value).splitlines()


# What loads


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("**/*.yaml")), ids=lambda path: path.name)
def test_every_file_in_configs_loads(path: Path):
    assert isinstance(load_config(path), Config)


def test_there_are_files_in_configs():
    assert list((ROOT / "configs").glob("*.yaml"))


def test_only_corpora_and_a_limit_are_required(minimal: Path):
    config = load_config(minimal)
    assert config.data.train == (CorpusConfig(files="train.{lang}"),)
    assert config.train.max_steps == 5000


def test_a_file_lies_over_what_it_extends_and_overrides_lie_over_all(tmp_path: Path):
    train = {"max_steps": 11_000, "warmup_steps": 11, "batch_tokens": 1100}
    written(tmp_path / "grandparent.yaml", MINIMAL | {"train": train, "model": {"d_ff": 11}})
    (tmp_path / "inner").mkdir()
    parent = {"extends": "../grandparent.yaml", "train": {"warmup_steps": 22, "batch_tokens": 2200}}
    written(tmp_path / "inner" / "parent.yaml", parent)
    child = written(tmp_path / "child.yaml", {"extends": "inner/parent.yaml", "train": {"batch_tokens": 3300}})
    config = load_config(child, ["train.seed=4", "train.seed=44", "train.batch_tokens=4400"])
    assert (config.model.d_ff, config.train.max_steps) == (11, 11_000)
    assert config.train.warmup_steps == 22
    assert load_config(child).train.batch_tokens == 3300
    assert (config.train.batch_tokens, config.train.seed) == (4400, 44)


@pytest.mark.parametrize(
    ("override", "section", "name", "value"),
    [
        ("train.max_steps=null", "train", "max_steps", None),
        ("train.learning_rate=5e-4", "train", "learning_rate", 0.0005),
        ("tokenizer.joint=true", "tokenizer", "joint", True),
        ("train.devices=[GPU:0, GPU:1]", "train", "devices", ["GPU:0", "GPU:1"]),
        ("train.optimizer_betas=[0.8, 0.9]", "train", "optimizer_betas", (0.8, 0.9)),
        ("data.root=a=b", "data", "root", Path("a=b")),
        ("data={source: fr}", "data", "source", "fr"),
        (
            "data.test=['a.{lang}', {tsv: b.tsv}]",
            "data",
            "test",
            (CorpusConfig(files="a.{lang}"), CorpusConfig(tsv="b.tsv")),
        ),
    ],
)
def test_an_override_is_yaml(minimal: Path, override: str, section: str, name: str, value: Any):
    config = load_config(minimal, ["train.max_epochs=3", override])
    assert getattr(getattr(config, section), name) == value


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("train.max_steps=5", "train.max_steps=7", "train.max_steps"),
        ("train.max_steps=5", "train={max_steps: 7}", "train.max_steps"),
        ("train={max_steps: 5, seed: 1}", "train.max_steps=7", "train.max_steps"),
        ("data.train.pairs=5", "data.train={tsv: a}", "data.train.pairs"),
        ("data.train={tsv: a}", "data.train={tsv: b}", "data.train.tsv"),
        ("data.train=[{tsv: a}, {tsv: b}]", "data.train={tsv: b}", "data.train"),
    ],
)
def test_an_override_that_takes_another_one_back_is_refused(first: str, second: str, key: str):
    with pytest.raises(ConfigError) as caught:
        require_set_once(["model.num_heads=2", first, second])
    assert str(caught.value) == f"--set {second}: --set {first} has set {key} already; leave one of them out"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("data.train={tsv: a}", "data.train.pairs=5"),
        ("train={max_steps: 5}", "train={seed: 1}"),
        ("train.max_steps=5", "train.max_steps=5"),
        ("data.train.tsv=a", "data.train.pairs=5"),
    ],
)
def test_overrides_that_add_to_one_another_are_not(first: str, second: str):
    require_set_once([first, second])


@pytest.mark.parametrize("override", ["train.max_steps", "=5", ""])
def test_an_override_without_key_or_value_is_an_error_that_shows_it(minimal: Path, override: str):
    assert problems(minimal, override) == [f"--set {override}: expected key=value, as in train.max_steps=1000"]


# Unknown keys


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("modle.d_model=4", "unknown key modle; did you mean model?"),
        ("train.max_step=4", "unknown key train.max_step; did you mean max_steps?"),
        ("tokenizer.vocab_size=400", "unknown key tokenizer.vocab_size; did you mean vocabulary_size?"),
        ("data.train={files: 'a.{lang}', wieght: 2}", "unknown key data.train.0.wieght; did you mean weight?"),
        ("data.test=[{file: 'a.{lang}'}]", "unknown key data.test.0.file; did you mean files?"),
        ("search.xyz=1", "unknown key search.xyz; known keys here: beam_size, length_penalty, "),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(minimal: Path, wrong: str, near: str):
    assert any(line.startswith(f"--set {wrong}: {near}") for line in problems(minimal, wrong))


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("train.lr", "learning_rate"),
        ("lr", "train.learning_rate"),
        ("optimizer", "train.optimizer_betas (the optimizer is Adam)"),
        ("train.learning-rate", "learning_rate"),
        ("train.batch_size", "batch_tokens (tokens, not sentences)"),
        ("data.batch_size", "train.batch_tokens (tokens, not sentences)"),
        ("model.layers", "encoder_layers and decoder_layers"),
        ("data.max_len", "max_tokens for training, search.max_length_factor for translations"),
        ("train.beam", "search.beam_size"),
        ("model.Hidden_Size", "d_model"),
        ("train.max_tokens", "data.max_tokens for a sentence, batch_tokens for a batch"),
        ("search.max_tokens", "data.max_tokens for a sentence, train.batch_tokens for a batch"),
        ("data.train_src", "train"),
        ("train.dropout", "model.dropout"),
        ("model.warmup_steps", "train.warmup_steps"),
        ("data.pairs", "data.train.pairs or data.validation.pairs or data.test.pairs"),
    ],
)
def test_a_key_of_another_tool_or_section_leads_to_ours(minimal: Path, key: str, ours: str):
    (found,) = problems(minimal, f"{key}=1")
    assert found == f"--set {key}=1: unknown key {key}; did you mean {ours}?"


def test_every_name_of_another_tool_leads_to_a_key_that_there_is():
    known = {"extends", *Config.model_fields, *(key for key, *_ in describe_settings())}
    for name, ours in OTHER_NAMES.items():
        keys = re.findall(r"[a-z_]+(?:\.[a-z_]+)+", ours) or [ours]
        assert set(keys) <= known, name


def test_a_colon_without_its_space_is_told(minimal: Path):
    (found,) = problems(minimal, "model={d_model:512}")
    assert found.endswith("unknown key model.d_model:512; a colon needs a space after it: `d_model: 512`")


# Several problems, in several files


def test_all_problems_are_told_together_each_with_its_file_and_key(tmp_path: Path):
    parent = written(
        tmp_path / "parent.yaml",
        {
            "data": {"source": 5, "train": "train.{lang}"},
            "model": {"d_model": 30, "num_heads": 4, "norm": "middle"},
            "train": {"max_steps": 100, "batch_tokens": 3},
        },
    )
    child = written(
        tmp_path / "child.yaml",
        {"extends": "parent.yaml", "model": {"dropout": 1.5}, "train": {"batch_tokens": 2, "clip": 1}},
    )
    found = problems(child, "search.beam_size=0")
    expected = [
        (child, "data.validation is missing"),
        (parent, "data.source: expected text, and YAML reads 5 as a number; put it in quotes, as in source: '5'"),
        (parent, "model.norm: input should be 'pre' or 'post'; found 'middle'"),
        (child, "model.dropout: input should be less than 1; found 1.5"),
        (child, "train.batch_tokens: input should be greater than or equal to 8; found 2"),
        (child, "unknown key train.clip; did you mean clip_norm?"),
        ("--set search.beam_size=0", "search.beam_size: input should be greater than or equal to 1; found 0"),
    ]
    # `data.validation` stands in no file: either may be named.
    expected[0] = (parent if f"{parent}: data.validation is missing" in found else child, expected[0][1])
    assert sorted(found) == sorted(f"{origin}: {text}" for origin, text in expected)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("train.max_steps=many", "train.max_steps: input should be a valid integer, .*; found 'many'"),
        ("train.max_steps=1.5", "train.max_steps: input should be a valid integer, .*; found 1.5"),
        ("train.optimizer_betas=[0.9]", "train.optimizer_betas.1 is missing"),
        ("model=3", "model: expected keys and values, with a space after each colon; found 3"),
        ("train=max_steps:9", "train: expected keys and values, with a space after each colon; found 'max_steps:9'"),
        ("data.train=[]", "data.train: .*at least 1 item.*; found .*"),
        ("data.train=7", "data.train.0: expected keys and values, .*; found 7"),
        ("train.seed=", "train.seed: input should be a valid integer; found null"),
        ("train.seed=true", "train.seed: input should be a number; found true"),
        ("train.learning_rate=false", "train.learning_rate: input should be a number; found false"),
        ("train.batch_tokens=true", "train.batch_tokens: input should be a number; found true"),
        ("train.clip_norm=off", "train.clip_norm: .*; found 'off'; use null to leave it out"),
        ("train.clip_norm=false", "train.clip_norm: .*; found false; use null to leave it out"),
        ("train.early_stopping=None", "train.early_stopping: .*; found 'None'; use null to leave it out"),
        ("train.learning_rate=None", "train.learning_rate: .*; found 'None'"),
    ],
)
def test_a_wrong_type_is_an_error_that_shows_the_value(minimal: Path, override: str, line: str):
    assert [
        re.fullmatch(re.escape(f"--set {override}: ") + line, found) is not None
        for found in problems(minimal, override)
    ] == [True]


@pytest.mark.parametrize(
    "key", ["train.learning_rate", "train.max_minutes", "train.clip_norm", "search.length_penalty"]
)
@pytest.mark.parametrize("value", [".inf", ".nan"])
def test_a_number_that_is_not_finite_is_an_error(minimal: Path, key: str, value: str):
    (found,) = problems(minimal, f"{key}={value}")
    assert f"{key}: " in found


def test_the_weight_of_a_corpus_is_finite(minimal: Path):
    (found,) = problems(minimal, "data.train={files: 'a.{lang}', weight: .inf}")
    assert "data.train.0.weight: " in found


# Text


@pytest.mark.parametrize("language", ["no", "yes", "on", "off", "12:30", "2024-01-01"])
def test_a_language_is_text_whatever_it_looks_like(minimal: Path, language: str):
    assert load_config(minimal, [f"data.target={language}"]).data.target == language
    child = written(minimal.parent / "child.yaml", f"extends: {minimal.name}\ndata:\n  target: {language}\n")
    config = load_config(child)
    assert config.data.target == language
    save_config(config, minimal.parent / "saved.yaml")
    assert load_config(minimal.parent / "saved.yaml") == config


@pytest.mark.parametrize(
    ("override", "key", "message"),
    [
        (
            "data.source=1e3",
            "data.source",
            "YAML reads 1e3 as a number; put it in quotes, as in --set \"data.source='1e3'\"",
        ),
        ("data.source=5", "data.source", "YAML reads 5 as a number; put it in quotes, as in --set \"data.source='5'\""),
        (
            "data.root=2024",
            "data.root",
            "YAML reads 2024 as a number; put it in quotes, as in --set \"data.root='2024'\"",
        ),
        ("data={source: true}", "data.source", "YAML reads true as a boolean; put it in quotes, as in source: 'true'"),
        (
            "data.train={tfds: a, split: 10}",
            "data.train.0.split",
            "YAML reads 10 as a number; put it in quotes, as in split: '10'",
        ),
        (
            "data.train={files: {lang}, weight: 2}",
            "data.train.0.files",
            "YAML reads {lang} as a mapping; put it in quotes, as in files: '{lang}'",
        ),
        ("train.devices=[0]", "train.devices.0", "YAML reads 0 as a number; put it in quotes, as in '0'"),
    ],
)
def test_what_is_not_read_as_text_is_told_with_the_way_to_write_it(
    minimal: Path, override: str, key: str, message: str
):
    assert problems(minimal, override) == [f"--set {override}: {key}: expected text, and {message}"]


def test_a_text_of_nothing_is_told(minimal: Path):
    assert problems(minimal, "data.source=") == ["--set data.source=: data.source: expected text, found nothing (null)"]


# Corpora


GRAMMAR = {"grammar": "train", "pairs": 40, "weight": 3}


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return written(tmp_path / "parent.yaml", MINIMAL | {"data": {"train": GRAMMAR, "validation": "v.{lang}"}})


@pytest.mark.parametrize("place", ["train", "validation", "test"])
@pytest.mark.parametrize("by_override", [False, True])
def test_a_corpus_replaces_another_whole(parent: Path, place: str, by_override: bool):
    before = written(parent.parent / "before.yaml", {"extends": "parent.yaml", "data": {place: GRAMMAR}})
    if by_override:
        config = load_config(before, [f"data.{place}={{tsv: mine.tsv}}"])
    else:
        child = {"extends": "before.yaml", "data": {place: {"tsv": "mine.tsv"}}}
        config = load_config(written(parent.parent / "child.yaml", child))
    assert getattr(config.data, place) == (CorpusConfig(tsv="mine.tsv"),)


def test_a_list_replaces_another_whole(parent: Path):
    config = load_config(parent, ["data.train=[{tsv: a}, {tsv: b}]", "data.train=[{tsv: c}]"])
    assert config.data.train == (CorpusConfig(tsv="c"),)


@pytest.mark.parametrize(
    ("corpus", "expected"),
    [
        ("{grammar: train, pairs: 40, weight: 3}", CorpusConfig(grammar="train", pairs=7, weight=3)),
        ("a.{lang}", CorpusConfig(files="a.{lang}", pairs=7)),
        ("[{tsv: a, weight: 2}]", CorpusConfig(tsv="a", pairs=7, weight=2)),
    ],
)
def test_an_override_changes_one_key_of_the_only_corpus(minimal: Path, corpus: str, expected: CorpusConfig):
    assert load_config(minimal, [f"data.train={corpus}", "data.train.pairs=7"]).data.train == (expected,)


def test_a_key_of_several_corpora_is_refused(minimal: Path):
    assert problems(minimal, "data.train=[{tsv: a}, {tsv: b}]", "data.train.pairs=7") == [
        "--set data.train.pairs=7: data.train is [{tsv: a}, {tsv: b}], which has no keys; set data.train as a whole"
    ]


def test_a_corpus_of_keys_alone_is_told_that_it_replaces_the_other(parent: Path):
    child = written(parent.parent / "child.yaml", {"extends": "parent.yaml", "data": {"train": {"pairs": 10}}})
    assert problems(child) == [
        f"{child}: data.train.0: a corpus is one of files, tsv, jsonl, tmx, tfds and grammar, "
        "and replaces the inherited one as a whole; found none"
    ]


def test_a_problem_in_a_corpus_names_where_its_key_comes_from(parent: Path):
    wrong = written(
        parent.parent / "wrong.yaml", {"extends": "parent.yaml", "data": {"train": {"tsv": "a", "pairs": 0}}}
    )
    message = "data.train.0.pairs: input should be greater than or equal to 1; found 0"
    assert problems(wrong) == [f"{wrong}: {message}"]
    assert problems(wrong, "data.train.weight=2") == [f"{wrong}: {message}"]
    assert problems(parent, "data.train.pairs=0") == [f"--set data.train.pairs=0: {message}"]
    override = "data.train=[{tsv: a, pairs: 0}]"
    assert problems(wrong, override) == [f"--set {override}: {message}"]


# Contradictions


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model.d_model=30", "model.num_heads=4"],
            "model: d_model 30 is not divisible by num_heads 4; each head takes an equal share",
        ),
        (
            ["model.d_model=15", "model.num_heads=3"],
            "model: sinusoidal positions pair up channels, so d_model must be even; found 15",
        ),
        (["train.max_steps=null"], "train: training has no end: set max_steps, max_epochs or max_minutes"),
        (
            ["train.max_steps=null", "train.schedule=cosine", "train.max_minutes=3"],
            "train: the cosine schedule depends on the last step: set max_steps or max_epochs",
        ),
        (["train.guided_layer=1"], "train: guided_layer 1 has no meaning without guided_alignment; leave it out"),
        (["train.guided_head=2"], "train: guided_head 2 has no meaning without guided_alignment; leave it out"),
        (["data.source=de"], "data: source and target are both 'de'; a parallel corpus needs two languages"),
    ],
)
def test_a_contradiction_in_a_section_shows_both_values(minimal: Path, overrides: list[str], message: str):
    section = overrides[0].partition(".")[0]
    file = [str(minimal)] if section in MINIMAL else []
    origins = " and ".join([*file, *(f"--set {override}" for override in overrides)])
    assert problems(minimal, *overrides, "search.xla=true") == [f"{origins}: {message}"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tokenizer.joint=false", "model.tied_embeddings 'all' .* needs tokenizer.joint true"),
        ("train.batch_tokens=100", "data.max_tokens 128 is not below train.batch_tokens 100"),
        ("train.guided_alignment=0.2", "train.guided_alignment needs an alignment of each training corpus"),
    ],
)
def test_a_contradiction_between_sections_names_the_file_and_both_keys(minimal: Path, override: str, message: str):
    (found,) = problems(minimal, override)
    assert found.startswith(f"{minimal} and --set {override}: ")
    assert re.search(message, found)


@pytest.mark.parametrize(
    "overrides",
    [
        ["train.warmup_steps=4999"],
        ["train.schedule=cosine"],
        ["train.schedule=cosine", "train.max_steps=null", "train.max_epochs=2"],
        ["tokenizer.joint=false", "model.tied_embeddings=target"],
        ["model.d_model=15", "model.num_heads=3", "model.positions=learned"],
    ],
)
def test_what_only_looks_like_a_contradiction_loads(minimal: Path, overrides: list[str]):
    assert isinstance(load_config(minimal, overrides), Config)


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ("{}", "a corpus is one of files, tsv, jsonl, tmx, tfds and grammar; found none"),
        ("{tsv: a, tfds: b}", "a corpus is one of files, tsv, jsonl, tmx, tfds and grammar; found tsv and tfds"),
        ("{grammar: train}", "the built-in grammar is endless: say how many pairs to take, as in `pairs: 30000`"),
        ("train.en", "files names both sides at once, as in `train.{lang}.gz`; found 'train.en'"),
    ],
)
def test_what_is_not_one_corpus_is_an_error(minimal: Path, corpus: str, message: str):
    override = f"data.validation={corpus}"
    assert f"--set {override}: data.validation.0: {message}" in problems(minimal, override)


# Files that are not configurations


def test_a_syntax_error_names_file_line_and_column(tmp_path: Path):
    path = written(tmp_path / "broken.yaml", "train:\n  schedule: @x\n")
    assert problems(path) == [f"{path}: line 2, column 13, 'schedule: @x': put a text that starts with @ in quotes"]


def test_a_syntax_error_in_an_override_says_how_to_quote_it_for_the_shell(minimal: Path):
    override = "data.train={files: t.{lang}, weight: 2}"
    assert problems(minimal, override) == [
        f"--set {override}: column 11: put a text with braces in quotes: 't.{{lang}}'; "
        'in the shell, put the whole argument in quotes as well: --set "data.train=…"'
    ]


@pytest.mark.parametrize("text", ["", "# nothing", "just a text", "- a\n- b", "7"])
def test_a_file_without_keys_is_an_error_that_names_it(tmp_path: Path, text: str):
    path = written(tmp_path / "empty.yaml", text)
    (found,) = problems(path)
    assert found.startswith(f"{path} must consist of keys and values")


def test_aliases_are_refused(tmp_path: Path):
    path = written(tmp_path / "alias.yaml", "model: &big {d_model: 512}\ntrain: *big\n")
    (found,) = problems(path)
    assert found.startswith(f"{path}: line 1, column 8, ")
    assert "YAML anchors (&name) and aliases (*name) are not supported; use `extends:` to share settings" in found


def test_bytes_that_are_not_utf8_name_the_file(tmp_path: Path):
    path = tmp_path / "latin1.yaml"
    path.write_bytes("data: {root: Übung}".encode("latin-1"))
    assert problems(path) == [f"{path} cannot be read: byte 14, 0xdc, is not UTF-8; save the file in UTF-8"]


def test_a_file_in_another_encoding_is_told_with_the_command_that_converts_it(tmp_path: Path):
    path = tmp_path / "wide.yaml"
    for encoding, name in (("utf-16", "UTF-16"), ("utf-16-le", "UTF-16LE")):
        path.write_bytes(yaml.safe_dump(MINIMAL).encode(encoding))
        assert problems(path) == [
            f"{path} is not UTF-8 but {name}; convert it: iconv -f {name} -t UTF-8 < {path} > {path}.txt"
        ]


def test_a_folder_is_not_a_configuration(tmp_path: Path):
    (found,) = problems(tmp_path)
    assert found == f"{tmp_path} is a folder, not a configuration"
    run = tmp_path / "my run"
    run.mkdir()
    (run / "config.yaml").touch()
    (found,) = problems(run)
    assert found.endswith(f"; the run in it is resumed with '{run}/config.yaml' --run '{run}'")


# Extending


def test_a_file_that_extends_itself_is_an_error_that_shows_the_way(tmp_path: Path):
    one = written(tmp_path / "one.yaml", {"extends": "two.yaml"})
    two = written(tmp_path / "two.yaml", {"extends": "one.yaml"})
    (found,) = problems(one)
    assert "extends itself" in found
    assert found.endswith(f"{one} → {two}")


@pytest.mark.parametrize(
    ("parent", "shown"), [(["a.yaml"], "[a.yaml]"), (5, "5"), ({"a": 1}, "{a: 1}"), (False, "false"), (0, "0")]
)
def test_extends_names_one_file(tmp_path: Path, parent: Any, shown: str):
    path = written(tmp_path / "child.yaml", MINIMAL | {"extends": parent})
    assert problems(path) == [f"{path}: extends names one file; found {shown}"]


@pytest.mark.parametrize("parent", ["a\0b", "\udc80\ud800", "x" * 5000])
def test_extends_of_an_impossible_name_is_a_config_error(tmp_path: Path, parent: str):
    path = tmp_path / "child.yaml"
    path.write_text(yaml.safe_dump(MINIMAL | {"extends": parent}), encoding="utf-8")
    problems(path)


def test_a_missing_file_brings_up_a_near_name(tmp_path: Path, minimal: Path):
    path = tmp_path / "minimla.yaml"
    assert problems(path) == [f"there is no configuration {path}; did you mean {minimal}?"]


def test_a_missing_file_that_is_like_no_other_is_named(tmp_path: Path, minimal: Path):
    path = tmp_path / "nowhere" / "xyz.yaml"
    assert problems(path) == [f"there is no configuration {path}"]


def test_a_missing_parent_is_named(tmp_path: Path, minimal: Path):
    child = written(tmp_path / "child.yaml", {"extends": "minmal.yaml"})
    (found,) = problems(child)
    assert found.startswith(f"there is no configuration {tmp_path / 'minmal.yaml'}; did you mean {minimal}?")


def test_corpora_can_be_given_as_the_tuple_that_they_become(minimal: Path):
    data = load_config(minimal).data
    assert type(data)(train=data.train, validation=data.validation) == data


# Saving


def text_without_surrogates() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    settings = {
        "files": text_without_surrogates().map(lambda name: f"{name}{{lang}}"),
        "pairs": st.none() | st.integers(1, 2**63 - 1),
    }
    weighted = st.builds(CorpusConfig, **settings, weight=st.floats(0, 1000, exclude_min=True))
    train, corpora = (
        st.lists(each, min_size=1, max_size=2) for each in (weighted, st.builds(CorpusConfig, **settings))
    )
    source, target = draw(st.lists(text_without_surrogates(), min_size=2, max_size=2, unique=True))
    return Config.model_validate(
        {
            "data": {
                "root": draw(text_without_surrogates().filter(lambda name: "\0" not in name)),
                "source": source,
                "target": target,
                "train": draw(train),
                "validation": draw(corpora),
                "test": draw(st.none() | corpora),
            },
            "train": {
                "max_minutes": draw(st.floats(0, exclude_min=True, allow_infinity=False)),
                "devices": draw(st.none() | st.lists(text_without_surrogates(), max_size=2)),
                "optimizer_betas": draw(st.tuples(*[st.floats(0, 1, exclude_max=True)] * 2)),
                "early_stopping": draw(st.sampled_from([None, "bleu", "loss"])),
            },
        }
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=configs())
def test_a_saved_configuration_loads_as_an_equal_one(tmp_path: Path, config: Config):
    save_config(config, tmp_path / "saved.yaml")
    assert load_config(tmp_path / "saved.yaml") == config


def test_a_resolved_configuration_has_every_setting(minimal: Path):
    tree = yaml.safe_load(dump_config(load_config(minimal)))
    for section, model in Config.model_fields.items():
        assert isinstance(model.annotation, type)
        assert issubclass(model.annotation, Section)
        assert list(tree[section]) == list(model.annotation.model_fields)


# The reference


def test_every_setting_is_described_with_type_default_and_documentation():
    described = {key: (kind, default, text) for key, kind, default, text, _ in describe_settings()}
    for section, outer in Config.model_fields.items():
        assert isinstance(outer.annotation, type)
        assert issubclass(outer.annotation, Section)
        for name in outer.annotation.model_fields:
            assert any(f"{key}.".startswith(f"{section}.{name}.") for key in described)
    for name in CorpusConfig.model_fields:
        assert f"data.train.{name}" in described
    for key, (kind, default, text) in described.items():
        assert kind, key
        assert default, key
        assert len(text.split()) >= 3, key
        assert text.endswith("."), key


@pytest.mark.parametrize(
    ("key", "kind", "default"),
    [
        ("train.max_steps", "int or null", "null"),
        ("train.optimizer_betas", "list of float", "[0.9, 0.98]"),
        ("model.norm", "pre or post", "pre"),
        ("tokenizer.joint", "true or false", "true"),
        ("data.train", "corpus or list of corpora", "required"),
        ("data.root", "path", "."),
        ("search.beam_size", "int", "5"),
    ],
)
def test_a_setting_is_described_in_words_of_yaml(key: str, kind: str, default: str):
    described = {key: (kind, default) for key, kind, default, *_ in describe_settings()}
    assert described[key] == (kind, default)


@pytest.mark.parametrize(
    ("until", "keys"),
    [
        ("until the run has a vocabulary", ["data.source", "data.train.tsv", "tokenizer.vocabulary_size"]),
        (
            "until the run has a checkpoint",
            ["data.train.weight", "data.max_tokens", "tokenizer.sampling_alpha", "model.d_model", "train.seed"],
        ),
        ("at any time", ["data.root", "data.test", "train.max_steps", "train.patience", "search.beam_size"]),
    ],
)
def test_the_reference_says_until_when_a_setting_may_change(until: str, keys: list[str]):
    described = {key: its_until for key, _, _, _, its_until in describe_settings()}
    assert {described[key] for key in keys} == {until}


# Whatever one writes


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates()
KNOWN_NAMES = [
    name
    for section in (Config, *(field.annotation for field in Config.model_fields.values()), CorpusConfig)
    if isinstance(section, type) and issubclass(section, Section)
    for name in section.model_fields
]
KEYS = st.sampled_from(KNOWN_NAMES) | st.text(max_size=5) | st.integers() | st.none() | st.booleans()
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
# Half of them with something at the known places.
MAPPINGS = st.dictionaries(KEYS, TREES, max_size=4) | st.fixed_dictionaries(
    {},
    optional={section: st.dictionaries(KEYS, TREES, max_size=4) for section in Config.model_fields}
    | {"extends": TREES},
)


def loads_or_is_a_config_error(path: Path, overrides: tuple[str, ...] = ()) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(load_config(path, overrides), Config)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=MAPPINGS)
def test_any_yaml_is_a_configuration_or_a_config_error(tmp_path: Path, tree: Any):
    loads_or_is_a_config_error(written(tmp_path / "any.yaml", tree))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])) | st.text(":-[]{}!&*'\"\n #,?|>@`%=~x1.e", max_size=30))
def test_any_text_is_a_configuration_or_a_config_error(tmp_path: Path, text: str):
    loads_or_is_a_config_error(written(tmp_path / "any.yaml", text))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.lists(st.sampled_from([*KNOWN_NAMES, "", "0"]) | st.text(max_size=5), max_size=4),
    value=TREES.map(lambda tree: yaml.safe_dump(tree)) | st.text(max_size=10),
)
def test_any_override_is_taken_or_a_config_error(tmp_path: Path, keys: list[str], value: str):
    loads_or_is_a_config_error(written(tmp_path / "minimal.yaml", MINIMAL), (f"{'.'.join(keys)}={value}",))


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029"])
def test_a_line_separator_in_a_name_survives_saving(tmp_path: Path, separator: str):
    config = load_config(Path(__file__).parents[1] / "configs" / "quickstart.yaml")
    named = config.model_copy(update={"data": config.data.model_copy(update={"source": f"a{separator}b"})})
    save_config(named, tmp_path / "saved.yaml")
    assert load_config(tmp_path / "saved.yaml") == named
