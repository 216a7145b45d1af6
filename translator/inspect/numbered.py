"""Layers and heads by their numbers, as a user names them: from 1 on. No TensorFlow here."""

from translator.decoding.options import OptionsError


def require_head(layer: int | None, head: int | None, layers: int, heads: int) -> None:
    """Raises an OptionsError for a layer or a head that is not among so many; None stands for all."""
    for name, wanted, number in (("layer", layer, layers), ("head", head, heads)):
        if wanted is not None and not 1 <= wanted <= number:
            raise OptionsError(f"there is no {name} {wanted}: counted from 1, the last one is {number}")
