"""The settings of attention: which parts each of the three kinds of attention layers is put together from."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from translator.config.section import Section

Window = Annotated[int, Field(ge=0)]


def as_windows(value: Any) -> Any:
    """A list of windows from a single one, which is for all layers, or a list."""
    return value if isinstance(value, list | tuple) else [value]


# One for all layers, or one for each.
Windows = Annotated[
    tuple[Window | None, ...],
    BeforeValidator(as_windows, json_schema_input_type=Window | list[Window | None] | None),
    Field(min_length=1),
]


class AttentionConfig(Section):
    """The parts of one kind of attention layers: how it scores, where it looks, what it selects and what it mixes."""

    score: Literal["scaled_dot_product", "dot_product", "norm_scaled", "cosine", "additive"] = "scaled_dot_product"
    """How well a key answers a query: q·k / √K (Vaswani et al., 2017); q·k (Luong et al., 2015); q·k / √(‖q‖‖k‖);
    cosine, times a factor that each head learns (Henry et al., 2020); or vᵀ tanh(q + k) (Bahdanau et al., 2015)."""
    window: Windows = (None,)
    """Local attention: the greatest distance in tokens between a query and the keys that it may attend to, on both
    sides in the encoder, backwards in the decoder. One for all layers, or a list with one for each; null is global."""
    selection: Literal["softmax", "top_k", "sparsemax", "entmax15", "signed", "differential", "sigmoid"] = "softmax"
    """How scores become weights: softmax; top_k, hard, over the best `top_k` keys alone; sparsemax (Martins and
    Astudillo, 2016); entmax15 (Peters et al., 2019); signed, softmax(|s|)·sign(s); differential (Ye et al., 2024);
    sigmoid (Ramapuram et al., 2024)."""
    top_k: int | None = Field(None, ge=1)
    """For selection top_k: number of keys that a query attends to."""
    silence: Literal["none", "zero", "sink", "null_key"] = "none"
    """What a query may attend to in place of a key: nothing, whose score is zero (softmax-off-by-one; Miller, 2023) or
    a number that each head learns (sink; OpenAI, 2025), or a key and a value that each head learns (null_key)."""
    key_value_heads: int | None = Field(None, ge=1)
    """Heads of keys and values, each shared by equally many of `num_heads` (Ainslie et al., 2023): 1 is multi-query
    attention (Shazeer, 2019), null one for each."""
    forgetting: bool = False
    """Lower the scores of keys by the forget gates of the tokens that came after them (Lin et al., 2025)."""
    gate: Literal["none", "elementwise", "headwise"] = "none"
    """Multiply what heads give by a sigmoid of the layer's input, for each channel or for each head (Qiu et al.,
    2025)."""
    chunk: int | None = Field(None, ge=1)
    """Evaluate attention in chunks of so many keys, so that memory grows with the length and not with its square; null
    evaluates all keys at once. The result is the same."""

    @model_validator(mode="after")
    def _parts_fit(self) -> "AttentionConfig":
        if (self.selection == "top_k") != (self.top_k is not None):
            raise ValueError(
                f"selection top_k needs top_k, a number of keys, and no other has it; found selection {self.selection} "
                f"and top_k {'null' if self.top_k is None else self.top_k}"
            )
        if self.selection == "sigmoid" and self.silence != "none":
            raise ValueError(
                f"silence {self.silence} has no effect with selection sigmoid, whose keys do not compete: its weights "
                "may all be near zero; use silence none"
            )
        if self.selection == "signed" and self.forgetting:
            raise ValueError(
                "selection signed takes scores by their absolute value, so that forgetting, which lowers scores, "
                "would raise the weights of what is forgotten; use another selection"
            )
        if self.chunk is not None and self.selection != "softmax":
            raise ValueError(
                f"chunk needs selection softmax, whose sum can be taken in pieces; selection {self.selection} needs "
                "all scores of a query at once; use chunk null"
            )
        return self

    def problem_with_heads(self, num_heads: int, layers: int) -> str | None:
        """Why these parts do not fit a number of heads and layers; None if they do."""
        if len(self.window) not in (1, layers):
            return f"window has {len(self.window)} values for {layers} layers; give one for all, or one for each"
        key_heads = self.key_value_heads or num_heads
        if num_heads % key_heads:
            return f"num_heads {num_heads} is not divisible by key_value_heads {key_heads}; each serves equally many"
        if self.selection == "differential" and num_heads % 2:
            return f"selection differential subtracts one head of a pair from the other; num_heads {num_heads} is odd"
        if self.selection == "differential" and key_heads != num_heads:
            return (
                f"selection differential needs keys and values of its own for each head of a pair; key_value_heads "
                f"{key_heads} shares them"
            )
        return None

    def problem_with_dropout(self, attention_dropout: float) -> str | None:
        """Why these parts do not go with dropout of the attention weights; None if they do."""
        if self.chunk is not None and attention_dropout:
            return f"chunk never has all weights, on which attention_dropout {attention_dropout} falls; use 0"
        return None

    def problem_with_positions(self, positions: str) -> str | None:
        """Why these parts do not fit a kind of positions; None if they do."""
        if positions == "rotary" and self.score == "additive":
            return "rotary positions show in products of queries and keys, and the score additive takes their sum"
        if positions == "shaw" and self.score != "scaled_dot_product":
            return f"shaw positions add to the keys of scaled_dot_product; the score is {self.score}"
        if positions == "alibi" and self.selection == "signed":
            return (
                "selection signed takes scores by their absolute value, so that alibi, which lowers the scores of far "
                "keys, would raise their weights"
            )
        return None

    def window_of(self, layer: int) -> int | None:
        """The window of a layer, counted from 0."""
        return self.window[layer if len(self.window) > 1 else 0]


class AttentionsConfig(Section):
    """Attention in its three places."""

    encoder: AttentionConfig = AttentionConfig()
    """Self-attention of the encoder."""
    decoder: AttentionConfig = AttentionConfig()
    """Self-attention of the decoder, which sees earlier positions only."""
    cross: AttentionConfig = AttentionConfig()
    """Attention of the decoder to the encoder's output."""

    def in_places(self) -> tuple[tuple[str, AttentionConfig], ...]:
        """Each place with its attention."""
        return ("encoder", self.encoder), ("decoder", self.decoder), ("cross", self.cross)

    @model_validator(mode="after")
    def _places_have_what_parts_need(self) -> "AttentionsConfig":
        for name, config in (("encoder", self.encoder), ("cross", self.cross)):
            if config.forgetting:
                raise ValueError(
                    f"{name}.forgetting: gates add up along time, which only the decoder's self-attention has; use "
                    "decoder.forgetting"
                )
        if any(window is not None for window in self.cross.window):
            raise ValueError(
                "cross.window: a position of the target has no distance from one of the source; use null, which is "
                "global"
            )
        return self
