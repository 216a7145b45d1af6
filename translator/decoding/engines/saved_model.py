"""An exported graph as an engine. A graph is a program: this module holds the one place that opens any."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from translator.decoding.engines.graphs import fingerprint_of, search_with
from translator.decoding.options import Hypothesis, OptionsError, SearchOptions
from translator.decoding.search.strategies import Hypotheses
from translator.run_folder import RunError

VERSION = "1"  # the folder in an export that holds the SavedModel: servers look for versions of a model


class SavedModelEngine:
    """Searches as the graph was exported to.

    Attributes:
        options: the only ones that it can search with.
    """

    def __init__(self, module: Any) -> None:
        """Takes what `open_graph` gave: `search`, a graph, and `search_options`, a string variable of JSON."""
        # The module is kept: its variables live no longer than it does.
        self._module = module
        try:
            self.options = SearchOptions(**json.loads(module.search_options.numpy()))
        except (TypeError, ValueError) as error:
            raise RunError(
                f"the exported model has search options of another version ({error}); export the run again"
            ) from error

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        """See `Engine.search`.

        Raises:
            OptionsError: the options are not those of the export.
        """
        if options != self.options:
            ours, theirs = dataclasses.asdict(self.options), dataclasses.asdict(options)
            different = [f"`{name}` is {ours[name]}, not {theirs[name]}" for name in ours if ours[name] != theirs[name]]
            raise OptionsError(f"an exported model searches with the options of its export: {'; '.join(different)}")
        return search_with(lambda ids: Hypotheses(*self._module.search(ids)), sources)

    def fingerprint(self) -> dict[str, str]:
        """See `Identified.fingerprint`."""
        weights = {str(place): weight for place, weight in enumerate(self._module.weights)}
        return {"engine": "saved_model", "weights": fingerprint_of(weights)}


def open_graph(path: Path) -> Any:
    """Opens a SavedModel, which can then run: only for one that the user named as such, or that was written here.

    Its folder may be an export's or, within it, the version's.

    Raises:
        RunError: it cannot be read.
    """
    import tensorflow_text  # noqa: F401  (registers the operations of the tokenizers in the graph)

    version = path / VERSION
    try:
        return tf.saved_model.load(str(version if version.exists() else path))
    except Exception as error:  # TensorFlow raises what it likes of a damaged one
        raise RunError(f"{path} cannot be read as an exported model: {error}") from error
