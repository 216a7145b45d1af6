"""The settings of a corpus, one key for each format, and the ways to write one or several."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from translator.config.section import Section, UntilCheckpoint

CORPORA = ("data.train", "data.validation", "data.test")
# The keys of a corpus, exactly one of which it has, with what each format is called.
CORPUS_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "files": "text files",
        "tsv": "tab-separated file",
        "jsonl": "JSON lines",
        "tmx": "translation memory",
        "tfds": "TensorFlow Datasets",
        "grammar": "built-in grammar",
    }
)

Column = int | str  # of a TSV by its number, from 1 on; of JSONL by its key


def _checked_columns(value: Any) -> Any:
    """Source and target in a list, or columns by language; one message for whatever else."""
    columns = list(value.values()) if isinstance(value, dict) else value
    is_of_columns = isinstance(columns, list | tuple) and all(
        isinstance(column, int | str) and not isinstance(column, bool) for column in columns
    )
    is_by_language = isinstance(value, dict) and value and all(isinstance(language, str) for language in value)
    if value is None or (is_of_columns and (is_by_language or (not isinstance(value, dict) and len(columns) == 2))):
        return value
    raise ValueError("columns is source and target, as in [1, 3], or a column by language, as in {en: 1, de: 3}")


Columns = Annotated[tuple[Column, Column] | dict[str, Column] | None, BeforeValidator(_checked_columns)]


class CorpusConfig(Section):
    """A parallel corpus in one of six formats: `files`, `tsv`, `jsonl`, `tmx`, `tfds` or `grammar`.

    A string alone is short for `files`.
    """

    files: str | None = None
    """Two text files, one sentence per line; `{lang}` is replaced by the language, as in `train.{lang}`. Files that end
    in `.gz`, `.bz2`, `.xz` or `.zst` are decompressed, in this and every format of text."""
    tsv: str | None = None
    """One file with a source and a target per line, separated by a tab; quotes have no meaning. See `columns`."""
    jsonl: str | None = None
    """One file with a JSON object per line, with a text for each language by its code, or as `columns` says."""
    tmx: str | None = None
    """A translation memory (TMX 1.1 to 1.4). Units that lack one of the languages are passed over; `de` takes `de-AT`
    too."""
    source: str | None = None
    """The source language of this corpus; null is that of `data`. Corpora of several pairs make a model of many
    languages; the same files with both languages exchanged are the other direction."""
    target: str | None = None
    """The target language of this corpus; null is that of `data`."""
    columns: Columns = None
    """Where the sides of `tsv` or `jsonl` are: source and target, as in `[1, 3]`, or by language, as in
    `{en: 1, de: 3}`, which serves both directions. A column is a number from 1 on in `tsv`; in `jsonl` it is a key, or
    keys inside one another, as in `translation.en`. null is `[1, 2]` for a `tsv`, which then has no other column."""
    tfds: str | None = None
    """A data set of TensorFlow Datasets, by name (`wmt14_translate/de-en`) or as the folder of a prepared one."""
    grammar: Literal["train", "validation", "test"] | None = None
    """A split of the built-in English–German corpus."""
    split: str = "train"
    """The split of a `tfds` corpus; may be a slice such as `train[:10%]`."""
    pairs: int | None = Field(None, ge=1)
    """Maximum number of sentence pairs, taken from the start of the corpus; null takes all. Required for `grammar`,
    which is endless."""
    alignment: str | None = None
    """A file with the word alignment of each pair, as in `0-0 1-2`, for `train.guided_alignment`. Words count from 0;
    they are what spaces separate, and each punctuation mark at its ends. `grammar` has an alignment of its own."""
    weight: UntilCheckpoint[float] = Field(1.0, gt=0.0, le=1000.0)
    """How often each training epoch passes over this corpus: 2 is twice, 0.5 a different random half per epoch."""

    @property
    def format(self) -> str:
        """Which of `CORPUS_FORMATS` this corpus has."""
        return next(key for key in CORPUS_FORMATS if getattr(self, key) is not None)

    @model_validator(mode="after")
    def _is_one_corpus(self) -> "CorpusConfig":
        given = [key for key in CORPUS_FORMATS if getattr(self, key) is not None]
        if len(given) != 1:
            whole = ", and replaces the inherited one as a whole" if self.model_fields_set and not given else ""
            found = " and ".join(given) or "none"
            *others, last = CORPUS_FORMATS
            raise ValueError(f"a corpus is one of {', '.join(others)} and {last}{whole}; found {found}")
        if self.grammar and self.pairs is None:
            raise ValueError("the built-in grammar is endless: say how many pairs to take, as in `pairs: 30000`")
        if problem := self._problem_with_columns():
            raise ValueError(problem)
        if self.split != "train" and not self.tfds:
            raise ValueError(
                f"split is for tfds; leave it out of {self.format}. `pairs: 1000` takes the first ones of any corpus"
            )
        if self.files and "{lang}" not in self.files:
            raise ValueError(f"files names both sides at once, as in `train.{{lang}}.gz`; found {self.files!r}")
        return self

    def columns_of(self, source: str, target: str) -> tuple[Column, Column] | None:
        """The columns of two languages; None if they are not set.

        Raises:
            ValueError: They are set by language, and one of the two is not among them.
        """
        if not isinstance(self.columns, dict):
            return self.columns
        if lacking := [language for language in (source, target) if language not in self.columns]:
            raise ValueError(f"columns has no {' and no '.join(lacking)}; it has {', '.join(self.columns)}")
        return self.columns[source], self.columns[target]

    def _problem_with_columns(self) -> str | None:
        if self.columns is None:
            return None
        columns = list(self.columns.values() if isinstance(self.columns, dict) else self.columns)
        if self.format not in ("tsv", "jsonl"):
            return f"columns is for tsv and jsonl; leave it out of {self.format}"
        if self.format == "tsv" and not all(isinstance(column, int) and column >= 1 for column in columns):
            return f"columns of a tsv are numbers from 1 on; found {', '.join(map(str, columns))}"
        if self.format == "jsonl" and not all(isinstance(column, str) for column in columns):
            return f"columns of jsonl are keys; found {', '.join(map(str, columns))}"
        if len(set(columns)) < len(columns):
            return f"columns are different ones; found {', '.join(map(str, columns))}"
        return None

    @model_serializer(mode="wrap")
    def _without_what_is_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialize(self).items() if value is not None}


def as_corpora(value: Any) -> Any:
    """A list of corpora from a single one or a list, each written as a mapping or as a string."""
    corpora = value if isinstance(value, list | tuple) else [value]
    return [{"files": corpus} if isinstance(corpus, str) else corpus for corpus in corpora]


# What `as_corpora` takes, for the JSON schema.
CorporaInput = str | CorpusConfig | Annotated[list[str | CorpusConfig], Field(min_length=1)]
Corpora = Annotated[
    tuple[CorpusConfig, ...],
    BeforeValidator(as_corpora, json_schema_input_type=CorporaInput),
    Field(min_length=1),
]
