"""Arguments and options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from translator.config.load import require_set_once

Checkpoint = Literal["best", "last"]  # as `translator.training.choosing` has it, which imports TensorFlow

Run = Annotated[Path, typer.Argument(help="A run folder, as in runs/quickstart.")]
ConfigFile = Annotated[Path, typer.Argument(help="A YAML file, as in configs/quickstart.yaml.")]
RunOption = Annotated[Path | None, typer.Option("--run", help="The run folder; runs/<name of CONFIG> by default.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress, only warnings and errors.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="key=value, as in train.max_minutes=40.")]
Overrides = Annotated[list[str] | None, typer.Argument(hidden=True)]  # so that --set takes several values in a row
Beam = Annotated[
    int | None, typer.Option(min=1, max=1000, help="Beam size in place of the run's own; 1 is greedy search.")
]
CheckpointOption = Annotated[
    Checkpoint | None,
    typer.Option(
        "--checkpoint",
        help="Use one checkpoint, the best by validation or the last, in place of the finished model; "
        "works while training is under way.",
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="LANGUAGE", help="Of a run of several target languages, the one to translate into."),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="LANGUAGE",
        help="Of a run of several source languages, that of the text; the first by default.",
    ),
]
Quantization = Annotated[
    str | None,
    typer.Option(help="Of ctranslate2, how weights are stored: float32 (default), float16, int8, int8_float32, …"),
]
Ensemble = Annotated[
    list[Path] | None,
    typer.Option(
        help="Another run with the same vocabulary, whose probabilities are averaged with the first one's; "
        "again for each further run.",
    ),
]
References = Annotated[
    list[Path] | None,
    typer.Option(
        "--reference", help="What the sentences should become, line by line; again for each further reference."
    ),
]
Tokenize = Annotated[
    str | None, typer.Option(help="sacreBLEU's tokenizer for BLEU; by default the one for the target language.")
]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--processes",
        min=1,
        max=1000,
        help="Processes that share the lines of --input; one for each core by default, if it is long.",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="K/N", help="Translate the K-th of N parts of --input; `cat` joins the outputs."),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Keep what is done if interrupted; the same command again goes on from there."),
]


def settings_of(settings: Sequence[str] | None, overrides: Sequence[str] | None) -> list[str]:
    """What `--set` has given, the values behind the first of a row included.

    Raises:
        ConfigError: one is no setting, or takes back what another one sets.
    """
    given = [*(settings or ()), *(overrides or ())]
    require_set_once(given)
    return given
