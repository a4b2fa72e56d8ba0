"""The model and tokenizer that a run starts from: a hub name, a local checkpoint, or a T5 from nothing."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcraft.errors import BaseModelError
from adcraft.settings import SCRATCH, ModelSettings, ScratchSettings
from adcraft.training.tokenizer import train_tokenizer, with_slot_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

log = logging.getLogger(__name__)

_FEWEST_PIECES = 16


def write_base(
    settings: ModelSettings,
    slot_tokens: Sequence[str],
    texts: Callable[[], Iterable[str]],
    folder: Path,
) -> None:
    """Write config, tokenizer and, for a pretrained base, weights into ``folder``, for the workers.

    Args:
        settings: which base.
        slot_tokens: added to the tokenizer; the embedding grows if it has no rows to spare.
        texts: sources and targets, to train a tokenizer on; called for ``scratch`` only.
        folder: created; must not exist.

    Raises:
        BaseModelError: the base can't be had or is not a T5.
    """
    _without_progress_bars()
    if settings.base == SCRATCH:
        tokenizer = train_tokenizer(texts(), settings.scratch.vocabulary, slot_tokens)
        log.info("trained a tokenizer of %d tokens on the feed", len(tokenizer))
        tokenizer.save_pretrained(folder)
        scratch_config(settings.scratch, len(tokenizer)).save_pretrained(folder)
        return
    tokenizer, model = _load_pretrained(settings.base, settings.revision)
    known = min(len(tokenizer), model.config.vocab_size)
    tokenizer = with_slot_tokens(tokenizer, slot_tokens)
    if len(tokenizer) > model.config.vocab_size:
        _add_rows(model, len(tokenizer))
    _initialise_rows(model, known, len(tokenizer))
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


def load_model(folder: Path, pretrained: bool, seed: int) -> T5ForConditionalGeneration:
    """The model of a folder that :func:`write_base` wrote; from nothing where it holds no weights."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    _without_progress_bars()
    torch.manual_seed(seed)
    if not pretrained:
        return T5ForConditionalGeneration(T5Config.from_pretrained(folder))
    return T5ForConditionalGeneration.from_pretrained(folder)


def scratch_config(settings: ScratchSettings, vocabulary: int) -> T5Config:
    """A T5 v1.1 shape (gated GELU; Shazeer, "GLU Variants Improve Transformer", 2020)."""
    from transformers import T5Config

    # The parent's keys go in as a mapping: T5Config's own signature does not name them.
    common: dict[str, Any] = {
        "tie_word_embeddings": True,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }
    return T5Config(
        vocab_size=-(-vocabulary // 8) * 8,
        d_model=settings.d_model,
        d_kv=settings.d_model // settings.heads,
        d_ff=settings.d_ff,
        num_heads=settings.heads,
        num_layers=settings.layers,
        num_decoder_layers=settings.layers,
        dropout_rate=settings.dropout,
        feed_forward_proj="gated-gelu",
        **common,
    )


def _without_progress_bars() -> None:
    """Of loading and saving, which take a second; the hub draws its own for what takes longer."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


def _load_pretrained(base: str, revision: str) -> tuple[PreTrainedTokenizerFast, T5ForConditionalGeneration]:
    from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast, T5ForConditionalGeneration

    local = Path(base).expanduser()
    if base.startswith((".", "/", "~")) and not local.is_dir():
        raise BaseModelError(
            f"model.base = {base!r} is not a folder. Give a checkpoint's folder, a hub name such as "
            f"google-t5/t5-small, or {SCRATCH!r}."
        )
    name = str(local) if local.is_dir() else base
    wanted = revision or "main"
    with _explained(base):
        config = AutoConfig.from_pretrained(name, revision=wanted)
    if config.model_type != "t5":
        raise BaseModelError(f"model.base = {base!r} is of type {config.model_type!r}; a T5 is needed.")
    with _explained(base):
        tokenizer = AutoTokenizer.from_pretrained(name, revision=wanted)
        model = T5ForConditionalGeneration.from_pretrained(name, use_safetensors=True, revision=wanted)
    # Without the file, transformers makes a tokenizer of no piece at all, and says nothing.
    pieces = len(tokenizer.get_vocab()) - len(tokenizer.get_added_vocab())
    if not isinstance(tokenizer, PreTrainedTokenizerFast) or pieces < _FEWEST_PIECES:
        raise BaseModelError(
            f"model.base = {base!r} has no tokenizer.json. Save it once by its fast tokenizer, and give "
            "that folder."
        )
    return tokenizer, model


@contextlib.contextmanager
def _explained(base: str) -> Iterator[None]:
    """Turn what the libraries raise into one sentence."""
    try:
        yield
    except Exception as error:  # a stranger's checkpoint can be wrong in any way
        reason = (str(error).strip() or repr(error)).splitlines()[0].rstrip(" .:")
        raise BaseModelError(
            f"model.base = {base!r} can't be loaded: {reason}. Check the name and the network, or give a "
            f"local checkpoint's folder, or {SCRATCH!r} to train a small T5 from nothing."
        ) from error


def _add_rows(model: T5ForConditionalGeneration, tokens: int) -> None:
    """Grow the embedding, and the output where it has its own matrix (T5 v1.1): transformers would put
    the embedding in its place.
    """
    import torch

    head, own = model.lm_head.weight, model.lm_head.weight is not model.shared.weight
    model.resize_token_embeddings(tokens, pad_to_multiple_of=8)
    if own:
        mean = head.detach().mean(dim=0, keepdim=True)
        grown = mean.repeat(model.shared.num_embeddings, 1)
        grown[: len(head)] = head.detach()
        model.lm_head.weight = torch.nn.Parameter(grown)


def _initialise_rows(model: T5ForConditionalGeneration, start: int, stop: int) -> None:
    """Start new tokens at the mean of the known ones (Hewitt, "Initializing New Word Embeddings", 2021)."""
    import torch

    with torch.no_grad():
        for table in {model.shared.weight, model.lm_head.weight}:
            table[start:stop] = table[:start].mean(dim=0)
