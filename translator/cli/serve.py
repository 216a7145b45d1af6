"""`translator serve`."""

import importlib.util
from pathlib import Path
from typing import Annotated, Literal

import typer

from translator.cli.arguments import Beam, CheckpointOption, Quantization
from translator.cli.console import say
from translator.errors import needs_extra
from translator.run_folder import RunError
from translator.runtime import start_tensorflow

Runs = Annotated[list[Path], typer.Argument(metavar="RUN…", help="Run folders, each of another pair of languages.")]
Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is all of this machine's.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 is any that is free.")]
ServedBy = Annotated[
    Literal["transformer", "ctranslate2", "auto"],
    typer.Option("--engine", help="What searches; auto takes the faster, and converts a run when first asked for."),
]
ApiKey = Annotated[
    list[str] | None,
    typer.Option(
        envvar="TRANSLATOR_API_KEY", show_envvar=True, help="A key that requests must have; again for more of them."
    ),
]
Cors = Annotated[
    list[str] | None,
    typer.Option(metavar="ORIGIN", help="A page, as https://example.org, whose scripts may ask; again for more."),
]
Characters = Annotated[int, typer.Option(min=1, help="The most characters of a request.")]
Waiting = Annotated[int, typer.Option(min=1, help="The most sentences that wait for a model; then clients get 429.")]
Seconds = Annotated[float, typer.Option("--timeout", min=1, help="Seconds that a request may take.")]


def serve(
    runs: Runs,
    host: Host = "127.0.0.1",
    port: Port = 5000,
    beam: Beam = None,
    checkpoint: CheckpointOption = None,
    engine: ServedBy = "auto",
    quantization: Quantization = None,
    api_key: ApiKey = None,
    cors: Cors = None,
    max_characters: Characters = 10_000,
    max_waiting: Waiting = 2_000,
    seconds: Seconds = 60.0,
) -> None:
    """Translate over HTTP, with LibreTranslate's API and one of its own, until Ctrl-C or SIGTERM."""
    _require_installed()
    from translator.serve.limits import Limits
    from translator.serve.server import address_of, listen, run

    limits = Limits(
        characters=max_characters, waiting_sentences=max_waiting, seconds=seconds,
        api_keys=frozenset(filter(None, api_key or ())), origins=tuple(cors or ()),
    )  # fmt: skip
    with listen(host, port) as bound:
        say(f"opening {', '.join(map(str, runs))} for {address_of(bound)}")
        start_tensorflow()
        from translator.serve.app import create_app
        from translator.serve.errors import StoppedError
        from translator.serve.opening import open_models

        try:
            models = open_models(runs, limits, beam, checkpoint, engine, quantization)
        except KeyboardInterrupt:
            raise StoppedError("stopped before it was open") from None
        run(create_app(models, limits), bound, lambda address: print(address, flush=True), seconds)


def _require_installed() -> None:
    missing = [name for name in ("fastapi", "uvicorn", "python_multipart") if not importlib.util.find_spec(name)]
    if missing:
        raise RunError(needs_extra(f"{', '.join(missing)} cannot be imported", "serve"))
