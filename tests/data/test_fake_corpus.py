"""A corpus format that the package does not know goes through everything that a known one does."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from translator.config.schema import Config
from translator.data.corpora.base import InputFile, SentencePair, Side
from translator.data.prepare import prepare_corpora
from translator.data.provenance import described
from translator.run_folder import RunError, RunFolder


@dataclass(frozen=True)
class JsonLines:
    """One JSON object per line, with the sides as its fields."""

    path: Path

    @property
    def description(self) -> str:
        return str(self.path)

    def pairs(self) -> Generator[SentencePair, None, None]:
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                yield SentencePair(**json.loads(line))

    def inputs(self) -> list[InputFile]:
        return [InputFile(self.path.name, self.path)]

    def place(self, number: int, side: Side = "source") -> str:
        return f"{self.path}, object {number}"


def write(path: Path, pairs: list[tuple[str, str]]) -> JsonLines:
    path.write_text("".join(json.dumps({"source": one, "target": other}) + "\n" for one, other in pairs))
    return JsonLines(path)


def test_a_new_format_needs_a_class_alone(tmp_path: Path):
    corpus = write(tmp_path / "t.jsonl", [("one two", "eins zwei"), ("", "leer"), ("two three", "zwei drei")])
    settings: dict[str, Any] = {
        "data": {"train": {"tsv": "stands for it"}, "validation": "v.{lang}"},
        "tokenizer": {"vocabulary_size": 22},
        "train": {"max_steps": 2000},
    }
    config, run = Config.model_validate(settings), RunFolder(tmp_path / "run")
    run.path.mkdir()
    tokenizers, store = prepare_corpora([corpus], config, run)
    assert str(store.counts) == "2 pairs; left out: 1 with an empty side"
    assert list(described([1], store, [corpus], tokenizers)) == [f"{corpus.path}, object 3: two three  |  zwei drei"]
    (run.checkpoints / "step-00000001").mkdir(parents=True)
    write(corpus.path, [("one", "zwei")])
    with pytest.raises(RunError, match=r"trained on other data: .*t\.jsonl has changed"):
        prepare_corpora([corpus], config, run)
