"""Which languages a model of several translates from and into. No TensorFlow here."""

from collections.abc import Sequence

from translator.config.data import DataConfig
from translator.decoding.options import OptionsError
from translator.languages import LanguagePair


def require_language(language: str, languages: Sequence[str]) -> None:
    """Raises an OptionsError for a language that is not among those that a model translates into."""
    if not languages:
        raise OptionsError(f"this model does not say into which language it translates; leave {language!r:.60} out")
    if language not in languages:
        raise OptionsError(
            f"this model does not translate into {language!r:.60}; it translates into {', '.join(languages)}"
        )


def not_chosen(languages: Sequence[str]) -> OptionsError:
    """The error where a model has several target languages and none was chosen."""
    return OptionsError(
        f"this model translates into {', '.join(languages)}; say into which, as in `--to {languages[0]}`, or "
        f"to={languages[0]!r} in Python"
    )


def chosen_pair(data: DataConfig, to: str | None = None, source: str | None = None) -> LanguagePair:
    """The languages that a run translates from and into.

    Args:
        data: of the run.
        to: the target language; a run that has one needs none.
        source: the source language; None for that of the first pair of training into the target. It need not have
            been trained with the target (zero-shot).

    Raises:
        OptionsError: there is no such language, or several target languages and none is chosen.
    """
    if to is not None:
        require_language(to, data.targets)
    elif len(data.targets) > 1:
        raise not_chosen(data.targets)
    target = to or data.targets[0]
    if source is not None and source not in data.sources:
        raise OptionsError(
            f"this model does not translate from {source!r:.60}; it translates from {', '.join(data.sources)}"
        )
    if source == target:
        raise OptionsError(
            f"{source} to {target} is not a translation; this model has {', '.join(map(str, data.pairs))}"
        )
    return LanguagePair(source or next(pair.source for pair in data.pairs if pair.target == target), target)
