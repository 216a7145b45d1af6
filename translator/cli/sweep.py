"""`translator sweep`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from translator.cli.arguments import ConfigFile, Overrides, Settings
from translator.cli.console import command_to_translate, say
from translator.run_folder import RunFolder
from translator.sweep.halving import Halving
from translator.sweep.results import table
from translator.sweep.run import Asked, make_sweep, run_sweep
from translator.sweep.space import SweepError

Folder = Annotated[Path | None, typer.Option(help="Of the sweep; runs/<name of CONFIG>_sweep by default.")]
Variant = Annotated[
    list[str] | None,
    typer.Option(
        help="Settings that go together, as in 'small: model.d_model=128 model.d_ff=256'; again for each variant."
    ),
]
Draws = Annotated[int | None, typer.Option(min=1, help="Train so many combinations, drawn at random, and not all.")]
Seed = Annotated[int, typer.Option(min=0, help="Of --draws.")]
Rungs = Annotated[
    str | None,
    typer.Option(help="Steps after which only the best runs go on (successive halving), as in 500,1500."),
]
Eta = Annotated[float, typer.Option(help="At each of --rungs, one of so many runs goes on.")]
Trainings = Annotated[int, typer.Option("--processes", min=1, max=1000, help="Trainings at a time.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try runs again that failed.")]


def sweep(
    config: ConfigFile,
    overrides: Overrides = None,
    settings: Settings = None,
    variant: Variant = None,
    draws: Draws = None,
    seed: Seed = 1,
    rungs: Rungs = None,
    eta: Eta = 2.0,
    processes: Trainings = 1,
    folder: Folder = None,
    retry: Retry = False,
) -> None:
    """Train a run for each combination of settings: --set key=a,b gives values, key=low..high a range to draw from.

    The same command goes on with a sweep. Started several times, on one machine or many, all share the work.
    """
    asked = Asked([*(settings or []), *(overrides or [])], variant or (), draws, seed)
    into = folder or Path("runs") / f"{config.stem}_sweep"
    planned = make_sweep(config, into, asked, Halving(_steps(rungs), eta))
    say(f"{into}: {len(planned.trials)} runs")
    found = run_sweep(planned, processes, say, retry=retry)
    Console(highlight=False).print(table(found))
    say(f"Results:  {into / 'sweep.json'}, sweep.csv, sweep.svg")
    if open_ := [result.name for result in found if result.state == "open"]:
        say(f"Other processes train {', '.join(open_)}; the same command shows all once they are done")
    if failed := [result.name for result in found if result.state == "failed"]:
        raise SweepError(
            f"{len(failed)} of {len(found)} runs failed: {', '.join(failed)}; {into / 'state' / failed[0]}/output.txt "
            "has what was printed. With --retry the same command tries them again"
        )
    best = next((planned.folder / result.name for result in found if result.state == "finished"), None)
    if best:
        say(f"Translate with the best:  {command_to_translate(best, RunFolder(best).load_config().data)}")


def _steps(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(step) for step in text.split(",")) if text is not None else ()
    except ValueError:
        raise SweepError(f"--rungs {text}: expected steps with commas between, as in --rungs 500,1500") from None
