"""`translator config`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from translator.cli.arguments import Overrides, Settings, settings_of
from translator.config.json_schema import json_schema
from translator.config.load import dump_config, load_config
from translator.config.reference import describe_settings
from translator.config.schema import ConfigError


def show_config(
    config: Annotated[Path | None, typer.Argument(help="A YAML file; without one, every setting is listed.")] = None,
    overrides: Overrides = None,
    settings: Settings = None,
    as_json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print the JSON schema from which editors complete configurations.")
    ] = False,
) -> None:
    """Print a configuration as it resolves, or, without one, every setting with its unit and default."""
    given = settings_of(settings, overrides)
    if given and (config is None or as_json_schema):
        raise ConfigError(f"--set {given[0]}: there is no configuration to change; name a YAML file")
    if as_json_schema:
        print(json.dumps(json_schema(), indent=1, ensure_ascii=False))
        return
    if config:
        print(dump_config(load_config(config, given)), end="")
        return
    for key, kind, default, text, until in describe_settings():
        print(f"{key}: {kind} = {default}\n    {text} May change {until}.")
