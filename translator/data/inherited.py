"""The vocabulary that a run takes over from the one that it begins with (`train.init_from`)."""

import logging
from collections.abc import Callable, Iterator

from translator.config.changes import changes
from translator.config.schema import Config
from translator.data.corpora.base import SentencePair
from translator.data.extension import extended
from translator.data.tokenizer import Tokenizer
from translator.run_folder import RunError, RunFolder

log = logging.getLogger(__name__)

# Settings of a model that no weight depends on.
MAY_DIFFER = ("model.dropout", "model.attention_dropout", "model.activation_dropout")


def inherited_tokenizers(config: Config, pairs: Callable[[], Iterator[SentencePair]]) -> tuple[Tokenizer, Tokenizer]:
    """The tokenizers of the run that `train.init_from` names, extended by what the training corpus needs.

    Last come those of `tokenizer.user_defined_symbols` that it lacks.

    Args:
        config: of the new run.
        pairs: reads its training corpus; not called unless `tokenizer.extend_by` asks for it.

    Raises:
        RunError: that is not a run, or has another model.
        TokenizerError: it has no tokenizers, or they cannot be extended.
    """
    require_same_model(config, base_run(config))
    source, target = base_tokenizers(config)
    settings, known = config.tokenizer, source.vocabulary_size
    if settings.extend_by and settings.joint:
        texts = (text for pair in pairs() for text in ((pair.source, 0), (pair.target, 1)))
        source, target = extended([source, target], texts, settings)
    elif settings.extend_by:
        (source,) = extended([source], ((pair.source, 0) for pair in pairs()), settings)
        (target,) = extended([target], ((pair.target, 0) for pair in pairs()), settings)
    if settings.extend_by:
        added = source.vocabulary_size - known
        log.info("tokenizer.extend_by: %d subwords are added to the %d of %s", added, known, base_run(config).path)
    symbols = settings.user_defined_symbols
    return source.with_symbols(symbols), target.with_symbols(symbols)


def base_tokenizers(config: Config) -> tuple[Tokenizer, Tokenizer]:
    """The tokenizers of that run, with the normalizations that the configuration sets.

    Raises:
        TokenizerError: it has none.
    """
    base, settings = base_run(config), config.tokenizer
    source, target = (Tokenizer.load(base.tokenizer(side)) for side in ("source", "target"))
    if settings.source_normalization:
        source = source.with_normalization(settings.source_normalization)
    if settings.target_normalization:
        target = target.with_normalization(settings.target_normalization)
    return source, target


def base_run(config: Config) -> RunFolder:
    """The run that a configuration begins with."""
    assert config.train.init_from
    return RunFolder(config.train.init_from)


def require_same_model(config: Config, base: RunFolder) -> None:
    """Raises a RunError unless the configuration has the model of a run; names the settings that differ."""
    try:
        other = base.load_config()
    except RunError as error:
        raise RunError(f"train.init_from: {error}") from error
    differing = [
        change for change in changes(other.model, config.model, "model")
        if change.key not in MAY_DIFFER and not change.key.endswith(".chunk")
    ]  # fmt: skip
    differing += changes(other.tokenizer.joint, config.tokenizer.joint, "tokenizer.joint")
    if config.model.positions == "learned":
        differing += changes(other.data.max_tokens, config.data.max_tokens, "data.max_tokens")
    if differing:
        found = "; ".join(f"{each.key} is {each.before} there and {each.now} here" for each in differing)
        raise RunError(
            f"train.init_from: {base.path} has another model: {found}. Take over its settings, "
            f"as by `extends: {base.config}`"
        )
