"""Whatever a sentence holds: one line comes out for each that goes in, in order, or one clear line says why not."""

import gzip
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.hostile import BYTES, LONG_TEXT, ODD, SENTENCES, TEXT, VOCABULARY, budget, standard_input
from tests.report.recorded import make_run
from tests.tokenizers import tokenizer_of
from translator import cli
from translator.cli.report import print_report
from translator.config.schema import Config
from translator.config.tokenizer import TokenizerConfig
from translator.data.corpora.base import SentencePair
from translator.data.corpora.lines import MOST_LINE_BYTES
from translator.decoding.files import LINES_TOGETHER
from translator.decoding.options import Hypothesis, SearchOptions
from translator.decoding.translator import Translator
from translator.evaluation.report import Report
from translator.evaluation.scores import score
from translator.model.build import build_model


class CopyingEngine:
    """Gives the source back."""

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        return [[Hypothesis(tuple(source), 0.0, 0.0)] for source in sources]


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def copying(request: pytest.FixtureRequest) -> Translator:
    tokenizer = tokenizer_of(SENTENCES, TokenizerConfig(vocabulary_size=VOCABULARY, kind=request.param))
    options = SearchOptions(1, length_penalty=1.0, max_length_factor=1.0, max_length_margin=1)
    return Translator((tokenizer, tokenizer), CopyingEngine(), options, 2000, 64)


@pytest.fixture(scope="module")
def translator() -> Translator:
    """A small model with random weights and a beam."""
    tokenizer = tokenizer_of(SENTENCES, TokenizerConfig(vocabulary_size=VOCABULARY))
    corpus = {"grammar": "train", "pairs": 10}
    config = Config.model_validate(
        {
            "data": {"train": corpus, "validation": corpus, "max_tokens": 64},
            "model": {"d_model": 4, "d_ff": 4, "num_heads": 1, "encoder_layers": 1, "decoder_layers": 1},
            "train": {"max_steps": 1, "warmup_steps": 0},
            "search": {"beam_size": 2, "max_length_factor": 0.0, "max_length_margin": 5, "batch_sentences": 256},
        }
    )
    keras.utils.set_random_seed(1)
    model = build_model(config, tokenizer, tokenizer)
    return Translator.of_model(model, tokenizer, tokenizer, config, SearchOptions.of(config.search))


def is_a_line(text: str) -> bool:
    """Whether it is one line that can be written as UTF-8."""
    return "\n" not in text and text.encode("utf-8").decode("utf-8") == text


@budget(100)
@given(sentences=st.lists(TEXT | LONG_TEXT, max_size=5))
@example(sentences=[*ODD, "".join(ODD), *(2 * odd for odd in ODD)])
def test_any_sentences_give_as_many_lines_in_their_order(sentences: list[str], copying: Translator):
    translations = copying.translate_text(sentences)
    assert len(translations) == len(sentences)
    assert all(map(is_a_line, translations))
    assert translations == [copying.translate_text([sentence])[0] for sentence in sentences]
    told_apart = copying.source.decode(copying.source.encode(sentences))
    spaceless = [[text.replace(" ", "") for text in texts] for texts in (translations, told_apart)]
    assert spaceless[0] == spaceless[1], "what was not cut in pieces is the text itself"


def test_a_hundred_thousand_characters_of_anything_are_translated(translator: Translator):
    sentences = [
        (odd * 100_000)[:100_000] for odd in ("a", "one two ", "\0", "\ud83d", "\u0301", "日本", "\n", "ﷺ"[:1])
    ]
    translations = translator.translate_text(["", *sentences, "The old dog"])
    assert len(translations) == len(sentences) + 2
    assert all(map(is_a_line, translations))
    assert translations[0] == ""
    assert translations[-1] == translator.translate_text(["The old dog"])[0] != ""
    assert translations[1] != ""


# The command


class Command:
    """`translator translate` in this process, with a translator that copies."""

    def __init__(
        self,
        copying: Translator,
        run: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfdbinary: pytest.CaptureFixture[bytes],
    ) -> None:
        self._run, self._monkeypatch, self._capture = run, monkeypatch, capfdbinary
        make_run(run)
        monkeypatch.setattr(Translator, "load", lambda *_: copying)
        monkeypatch.setenv("COLUMNS", "200")

    def __call__(self, *arguments: str, given: bytes = b"") -> tuple[int, bytes, str]:
        """Exit code, standard output and standard error."""
        self._monkeypatch.setattr(sys, "argv", ["translator", "translate", str(self._run), *arguments])
        with standard_input(given), pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = self._capture.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err.decode()


@pytest.fixture
def translate(
    copying: Translator,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> Command:
    return Command(copying, tmp_path_factory.mktemp("command") / "run", monkeypatch, capfdbinary)


@budget(60)
@given(content=BYTES | LONG_TEXT.map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_on_standard_input_are_translated_line_by_line_or_named(content: bytes, translate: Command):
    code, out, err = translate(given=content)
    assert "Traceback" not in err
    try:
        lines = content.removeprefix(b"\xef\xbb\xbf").decode().split("\n")
    except UnicodeDecodeError:
        assert (code, out) == (2, b"")
        assert err.startswith("standard input")
        assert err.count("\n") == 1
    else:
        assert code == 0, err
        assert out.count(b"\n") == len(lines) - (lines[-1] == "")
        assert out.decode().endswith("\n") or out == b""


def test_an_endless_line_on_standard_input_is_named(translate: Command):
    code, out, err = translate(given=b"one\n" + b"a" * (MOST_LINE_BYTES + 1))
    assert (code, out) == (2, b"")
    assert err == f"standard input:2: the line has more than {MOST_LINE_BYTES:,} bytes; write one sentence a line\n"


@pytest.mark.parametrize("place", ["nosuch.txt", "latin1.txt", "plain.gz", "."])
def test_the_output_keeps_what_it_had_when_the_input_is_bad(translate: Command, tmp_path: Path, place: str):
    (tmp_path / "latin1.txt").write_bytes(b"a man\n" * LINES_TOGETHER + b"\xe9t\xe9\n")
    (tmp_path / "plain.gz").write_bytes(b"plain\n")
    (tmp_path / "out.txt").write_text("precious\n")
    code, out, err = translate(f"--input={tmp_path / place}", f"--output={tmp_path / 'out.txt'}")
    assert (code, out) == (2, b""), err
    assert (tmp_path / "out.txt").read_text() == "precious\n"
    assert {path.name for path in tmp_path.iterdir()} == {"latin1.txt", "plain.gz", "out.txt"}


def test_the_output_keeps_what_it_had_when_there_is_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
):
    (tmp_path / "out.txt").write_text("precious\n")
    monkeypatch.setattr(sys, "argv", ["translator", "translate", str(tmp_path), f"--output={tmp_path / 'out.txt'}"])
    with standard_input(b"one\n"), pytest.raises(SystemExit):
        cli.main()
    assert (tmp_path / "out.txt").read_text() == "precious\n"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C has its effect, though the shell may have started the tests in the background, where it has none."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_output_keeps_what_it_had_when_the_command_is_stopped(
    translate: Command, copying: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    (tmp_path / "out.txt").write_text("precious\n")
    monkeypatch.setattr(copying, "translate_text", lambda *_: signal.raise_signal(number))
    before = signal.getsignal(signal.SIGTERM)
    code, _, _ = translate(f"--output={tmp_path / 'out.txt'}", given=b"one\n")
    assert code == 128 + number
    assert signal.getsignal(signal.SIGTERM) == before
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious\n"]


def test_the_output_is_replaced_by_the_translations(translate: Command, tmp_path: Path):
    (tmp_path / "real.txt").write_text("old\n")
    (tmp_path / "out.txt").symlink_to("real.txt")
    code, out, err = translate(f"--output={tmp_path / 'out.txt'}", given=b"The old dog\n\n")
    assert (code, out) == (0, b""), err
    assert (tmp_path / "real.txt").read_text() == "The old dog\n\n"
    assert {path.name for path in tmp_path.iterdir()} == {"real.txt", "out.txt"}
    assert (tmp_path / "out.txt").is_symlink()


def test_an_output_whose_name_ends_in_gz_is_zipped(translate: Command, tmp_path: Path):
    code, _, err = translate(f"--output={tmp_path / 'out.gz'}", given=b"The old dog\n")
    assert code == 0, err
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == b"The old dog\n"


def test_without_a_standard_output_there_must_be_a_file(
    translate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stdout", None)
    code, _, err = translate(given=b"one\n")
    assert (code, err) == (2, "standard output is closed; name a file with --output\n")
    code, _, err = translate(f"--output={tmp_path / 'out.txt'}", given=b"one\n")
    assert (code, (tmp_path / "out.txt").read_text()) == (0, "one\n"), err


@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/fd/1"])
def test_the_output_may_be_standard_output(translate: Command, place: str):
    code, _, err = translate(f"--output={place}", given=b"The old dog\n")
    assert code == 0, err


@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/fd/1", "all.txt", "link.txt"])
def test_what_stands_before_and_after_on_standard_output_stays(
    translate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
):
    monkeypatch.chdir(tmp_path)
    Path("link.txt").symlink_to("/dev/stdout")
    before = os.dup(1)
    try:
        with Path("all.txt").open("wb") as file:
            os.dup2(file.fileno(), 1)
        os.write(1, b"before\n")
        monkeypatch.setattr(sys, "stdout", open(1, "w", closefd=False))  # noqa: SIM115 - not pytest's own
        code, _, err = translate(f"--output={place}", given=b"The old dog\n")
        sys.stdout.flush()
        os.write(1, b"after\n")
    finally:
        os.dup2(before, 1)
        os.close(before)
    assert code == 0, err
    assert Path("all.txt").read_text() == "before\nThe old dog\nafter\n"


@pytest.mark.parametrize("alias", ["lines.txt", "link.txt", "hard.txt"])
def test_the_output_is_never_the_input(translate: Command, tmp_path: Path, alias: str):
    lines = tmp_path / "lines.txt"
    lines.write_text("The old dog\n")
    (tmp_path / "link.txt").symlink_to(lines)
    (tmp_path / "hard.txt").hardlink_to(lines)
    code, _, err = translate(f"--input={lines}", f"--output={tmp_path / alias}")
    assert code == 2
    assert err == f"--output {tmp_path / alias} would overwrite {lines}, which is read; name another file\n"
    assert lines.read_text() == "The old dog\n"


@pytest.mark.parametrize("place", ["none/out.txt", ".", "x" * 300])
def test_an_output_that_cannot_be_written_is_named_in_one_line(translate: Command, tmp_path: Path, place: str):
    code, out, err = translate(f"--output={tmp_path / place}", given=b"The old dog\n")
    assert (code, out) == (2, b"")
    assert err.startswith(f"{tmp_path / place}: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["none.txt", ".", "x" * 300, "[/b]", "a\x1b[2J\nb"])
def test_an_input_that_cannot_be_read_is_named_in_one_line(translate: Command, tmp_path: Path, name: str):
    code, out, err = translate(f"--input={tmp_path / name}")
    assert (code, out) == (2, b"")
    assert repr(str(tmp_path / name))[1:-1] in err
    assert err[:-1].isprintable()


@budget(60)
@given(source=TEXT, target=TEXT, hypothesis=TEXT)
@example(source="[/b]", target="[bold]", hypothesis=":smile:")
def test_any_texts_are_scored_and_shown_as_they_stand(
    source: str, target: str, hypothesis: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "500")
    # As they come from files; rich leaves no room for a tab.
    texts = [text.encode("utf-8", "replace").decode().replace("\t", " ") for text in (source, target, hypothesis)]
    source, target, hypothesis = texts
    scores = score([hypothesis], [target], "de")
    print_report(Report([SentencePair(source, target)], [hypothesis], scores, 1.0, 1))
    shown = capsys.readouterr().out
    for text in texts:
        assert set("[]:/bsmile") & set(text) <= set(shown)
