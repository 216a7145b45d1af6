"""What a training is made of, from its configuration."""

from translator.config.schema import Config
from translator.data.batches import TrainingBatches
from translator.data.corpora.formats import read_by_pair
from translator.data.modifiers import Modifying
from translator.data.plan import weights_of
from translator.data.prepare import of_corpora
from translator.data.sampling import Sampling
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer
from translator.decoding.options import SearchOptions
from translator.decoding.translator import Translator
from translator.inspect.attention_reader import AttentionReader
from translator.model.transformer import Transformer
from translator.training.validation import Validator
from translator.training.watching import AttentionWatch


def make_batches(
    config: Config, store: TokenStore, tokenizers: tuple[Tokenizer, Tokenizer], replicas: int
) -> TrainingBatches:
    """The batches of a run; while `train.batch_tokens` is to be found out (auto), those of the least budget."""
    train, alpha, modifiers = config.train, config.tokenizer.sampling_alpha, config.data.modifiers
    return TrainingBatches(
        store,
        weights_of(config.data, store),
        config.data.max_tokens if train.batch_tokens == "auto" else train.batch_tokens,
        train.seed,
        replicas=replicas,
        micro_batches=train.micro_batches,
        # Of the one target language that modifiers are for, whose tag sources have if a run before had several.
        modifying=Modifying(store, of_corpora(config.data, tokenizers)[0], modifiers) if modifiers.shares else None,
        sampling=Sampling(tokenizers, alpha) if alpha else None,
        few_shapes=train.xla,
    )


def make_validator(config: Config, model: Transformer, tokenizers: tuple[Tokenizer, Tokenizer]) -> Validator:
    """What scores the model under training on the validation set."""
    options = SearchOptions.of(config.search, config.train.validation_beam)
    return Validator(
        model,
        Translator.of_model(model, *tokenizers, config, options),
        read_by_pair(config.data.validation, config.data),
        config.train.label_smoothing,
    )


def make_watch(config: Config, validator: Validator) -> AttentionWatch | None:
    """What looks at the attention of validation sentences; None if the run doesn't ask for that."""
    if not config.train.attention_images:
        return None
    first = validator.parts[0]
    return AttentionWatch(
        AttentionReader(first.translator, first.languages), first.pairs, config.train.attention_images
    )
