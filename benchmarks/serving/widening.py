"""A T5 made larger that writes the same: a function-preserving expansion (Chen et al., "Net2Net", 2016).

What is new is zero, so it adds nothing to what was there, and costs as much to compute as any other weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adcraft.errors import BaseModelError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import T5Config, T5ForConditionalGeneration


@dataclass(frozen=True)
class Shape:
    """The size of a T5; as it stands, that of t5-small (Raffel et al., 2020).

    Attributes:
        d_model: width.
        d_ff: width inside the feed-forward layers.
        heads: of attention.
        d_kv: width of a head.
        layers: of the encoder, and as many of the decoder.
        vocabulary: rows of the embedding.
    """

    d_model: int = 512
    d_ff: int = 2048
    heads: int = 8
    d_kv: int = 64
    layers: int = 6
    vocabulary: int = 32_128


def widen(small: T5ForConditionalGeneration, shape: Shape) -> T5ForConditionalGeneration:
    """A model of ``shape`` with the greedy output of ``small``, given input that ``small`` knows.

    Each new row of the vocabulary has the weights of ``<pad>``, which is in no text that a model learns from:
    it is as likely as ``<pad>``, which never is the likeliest. So log-probabilities differ a little.

    Raises:
        BaseModelError: ``small`` is larger than ``shape`` somewhere.
    """
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    old = small.config
    _check(old, shape)
    narrower = old.d_model / shape.d_model
    changed = {
        "d_model": shape.d_model,
        "d_ff": shape.d_ff,
        "num_heads": shape.heads,
        "d_kv": shape.d_kv,
        "num_layers": shape.layers,
        "num_decoder_layers": shape.layers,
        "vocab_size": shape.vocabulary,
        # The mean of squares counts the new zeros too.
        "layer_norm_epsilon": old.layer_norm_epsilon * narrower,
    }
    wide = T5ForConditionalGeneration(T5Config(**{**old.to_dict(), **changed}))
    there = dict(small.named_parameters())
    with torch.no_grad():
        for name, weights in wide.named_parameters():
            weights.zero_()
            if name not in there:  # of a new layer: it adds nothing
                continue
            if name.endswith("norm.weight"):
                weights[: old.d_model] = there[name] * narrower**0.5
            elif ".SelfAttention." in name or ".EncDecAttention." in name:
                _place_heads(name, weights, there[name], old, shape)
            else:
                rows, columns = there[name].shape
                weights[:rows, :columns] = there[name]
            if name in {"shared.weight", "lm_head.weight"}:
                weights[old.vocab_size :] = weights[old.pad_token_id]
        if old.scale_decoder_outputs:  # by d_model**-0.5
            wide.decoder.final_layer_norm.weight.mul_(narrower**-0.5)
    wide.generation_config = small.generation_config
    wide.eval()
    return wide


def _check(old: T5Config, shape: Shape) -> None:
    sizes = {
        "d_model": (old.d_model, shape.d_model),
        "d_ff": (old.d_ff, shape.d_ff),
        "heads": (old.num_heads, shape.heads),
        "d_kv": (old.d_kv, shape.d_kv),
        "encoder layers": (old.num_layers, shape.layers),
        "decoder layers": (old.num_decoder_layers or old.num_layers, shape.layers),
        "vocabulary": (old.vocab_size, shape.vocabulary),
    }
    if larger := [f"{name} {has} over {most}" for name, (has, most) in sizes.items() if has > most]:
        raise BaseModelError(
            f"The model can't be widened to the benchmark's shape, since it is larger: {', '.join(larger)}. "
            "Give a smaller one by --model."
        )


def _place_heads(name: str, weights: Tensor, there: Tensor, old: T5Config, shape: Shape) -> None:
    """Put each old head at the place of the head of its number, and its columns before the new ones."""
    heads, d_kv, d_model = old.num_heads, old.d_kv, old.d_model
    if name.endswith("relative_attention_bias.weight"):
        weights[:, :heads] = there
    elif name.endswith(".o.weight"):
        to = weights.view(shape.d_model, shape.heads, shape.d_kv)
        to[:d_model, :heads, :d_kv] = there.view(d_model, heads, d_kv)
    else:
        to = weights.view(shape.heads, shape.d_kv, shape.d_model)
        to[:heads, :d_kv, :d_model] = there.view(heads, d_kv, d_model)
