"""LoRA by peft: the base is left as it is, and small factors beside its matrices are trained (Hu et al.,
"LoRA", ICLR 2022).

The rows of the slot tokens are trained as well. They are new to the base and start all alike, at the mean
of its embedding, so without that no slot could be told from another. Only those rows: the whole embedding
would be a quarter of t5-small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from adcraft.settings import LoraSettings

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import T5ForConditionalGeneration

_ATTENTION = ("q", "k", "v", "o")
_FEED_FORWARD = ("wi", "wi_0", "wi_1", "wo")
_TARGETS = {"attention": _ATTENTION, "all": (*_ATTENTION, *_FEED_FORWARD)}


@dataclass(frozen=True)
class Adapters:
    """What is trained beside a frozen base.

    Attributes:
        rank: of the factors B (out x rank) and A (rank x in) beside each matrix W.
        alpha: the model computes with W + alpha / rank * B A.
        dropout: of what A reads.
        targets: names of the layers that get them.
        tokens: ids whose embedding is trained, and whose output rows where those are another matrix.
    """

    rank: int
    alpha: float
    dropout: float
    targets: tuple[str, ...]
    tokens: tuple[int, ...]

    @classmethod
    def of(cls, settings: LoraSettings, tokens: Sequence[int]) -> Adapters | None:
        """None where the whole model is trained."""
        if not settings.rank:
            return None
        return cls(settings.rank, settings.alpha, settings.dropout, _TARGETS[settings.targets], tuple(tokens))


def add_adapters(model: T5ForConditionalGeneration, adapters: Adapters, seed: int) -> PeftModel:
    """Put adapters into ``model`` itself, and freeze all the rest of it.

    At first they change nothing: B is zero, and the rows are what they were.

    Args:
        seed: of A; all workers must start alike.

    Returns:
        What :func:`merge_adapters` takes.
    """
    import torch
    from peft import LoraConfig, TaskType, get_peft_model

    tied = model.lm_head.weight is model.shared.weight
    rows = {"shared": list(adapters.tokens)} | ({} if tied else {"lm_head": list(adapters.tokens)})
    config = LoraConfig(
        task_type=TaskType.SEQ_2_SEQ_LM,
        r=adapters.rank,
        lora_alpha=adapters.alpha,  # type: ignore[arg-type] # a float is as good
        lora_dropout=adapters.dropout,
        target_modules=list(adapters.targets),
        trainable_token_indices=rows,
    )
    said = model.config.tie_word_embeddings  # of every T5 it says that they are tied
    model.config.tie_word_embeddings = tied
    torch.manual_seed(seed)
    wrapped = get_peft_model(model, config)
    if not tied:  # peft then leaves it to us that encoder and decoder read from the one embedding
        _share_embedding(model)
    model.config.tie_word_embeddings = said
    return wrapped


def merge_adapters(wrapped: PeftModel) -> T5ForConditionalGeneration:
    """The plain model that computes the same; ``wrapped`` is used up."""
    model = cast("T5ForConditionalGeneration", wrapped.get_base_model())
    said, model.config.tie_word_embeddings = model.config.tie_word_embeddings, False  # else peft warns of it
    merged = cast("T5ForConditionalGeneration", wrapped.merge_and_unload())
    _share_embedding(merged)
    merged.config.tie_word_embeddings = said
    return merged


def step_sizes(model: torch.nn.Module) -> dict[str, float]:
    """For each adapter weight that has no size of its own yet, by name: the size to step by, see
    ``optimizer.py``.

    A starts random, and B at zero: a step of B relative to itself would be nothing. It steps so that B A
    changes by as much, relative to W, as W would if it were trained itself. Element by element an Adam step
    has the rate as its size, so one of B moves an element of B A by about rate * sqrt(rank) * rms(A), and A
    starts uniform in +-1/sqrt(in). That makes B some ten times as fast as A, which is what "LoRA+" (Hayou
    et al., ICML 2024) found best. New rows start at a mean, which is smaller than any row; they step as
    the embedding would.
    """
    from peft.tuners.lora import LoraLayer
    from peft.utils import TrainableTokensWrapper

    sizes: dict[str, float] = {}
    for name, found in model.named_modules():
        module = cast("Any", found)
        if isinstance(found, LoraLayer):
            for adapter, rank in module.r.items():
                row = math.sqrt(rank / (3 * module.in_features))
                sizes[f"{name}.lora_B.{adapter}.weight"] = _size(module.get_base_layer().weight) / row
        elif isinstance(found, TrainableTokensWrapper):
            for adapter in module.token_adapter.trainable_tokens_delta:
                key = f"{name}.token_adapter.trainable_tokens_delta.{adapter}"
                sizes[key] = _size(module.token_adapter.get_base_layer().weight)
    return sizes


def _size(weight: torch.Tensor) -> float:
    return float(weight.detach().float().square().mean().sqrt())


def _share_embedding(model: T5ForConditionalGeneration) -> None:
    model.encoder.embed_tokens = model.decoder.embed_tokens = model.shared
