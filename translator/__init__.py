"""Trains Transformers (Vaswani et al., 2017) to translate, in TensorFlow: parallel text in, a scored translator out.

A run is a folder: `translator train CONFIG` makes it, and whatever comes after needs its name alone, from Python too:

    >>> from translator import Translator
    >>> Translator.load("runs/multi30k_en_de").translate_text(["A man rides a bike."])
    ['Ein Mann fährt Fahrrad.']

Importing this package does not import TensorFlow; asking for `Translator` does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translator.decoding.translator import Translator

__all__ = ["Translator", "__version__"]

__version__ = "0.2.0.dev0"


def __getattr__(name: str) -> Any:
    """Imports `Translator`, and TensorFlow with it, when it is first asked for (PEP 562)."""
    if name == "Translator":
        from translator.runtime import start_tensorflow

        start_tensorflow()
        from translator.decoding.translator import Translator

        return Translator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
