"""Tokenizers and tiny models, made once. Tests must leave them as they are."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from adcraft.ad_copy.slots import SLOT_TOKENS
from adcraft.inference.bundle import Bundle, RunReference
from adcraft.training.masks import keep_examples_apart
from adcraft.training.tokenizer import train_tokenizer, with_slot_tokens
from tests.tiny_model import write_tiny_bundle

T5_TOKENIZER = Path(__file__).parents[4] / "shared" / "data" / "t5_tokenizer"
TEXTS = [
    "product: <name> Red Kurta | brand: <brand> | price: <price>",
    "Meet <name> by <brand>: soft, red & long-lasting!",
    "A pair of <n1> navy blue socks, has a ribbed hem. It's yours for <price>",
    "Café crème “noir” – the quick brown fox jumps over the lazy dog; (QUIZ) <\\brand>",
    "slim-fit jeans with a button closure, <n1>-pocket styling, zip fly / two belts",
]


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """More cost more than they give at this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def enliven(model: T5ForConditionalGeneration) -> T5ForConditionalGeneration:
    """Larger weights, so that its outputs don't all repeat one token; rounding counts for more then."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "layer" in name and weight.ndim > 1 and "bias" not in name:
                weight.mul_(5)
    return model


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Of a model that has learnt a little."""
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle", RunReference(id="0", name="tiny"))


@pytest.fixture(scope="session")
def scratch_tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 200, SLOT_TOKENS)


@pytest.fixture(scope="session")
def t5_tokenizer() -> PreTrainedTokenizerFast:
    """T5's own, as it is published."""
    if not T5_TOKENIZER.exists():
        pytest.skip("T5's tokenizer is not on this machine")
    tokenizer = AutoTokenizer.from_pretrained(T5_TOKENIZER)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    return tokenizer


@pytest.fixture(scope="session")
def t5_with_slots(t5_tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    return with_slot_tokens(t5_tokenizer, SLOT_TOKENS)


def tiny_t5(
    vocabulary: int,
    *,
    shape: str = "gated-gelu",
    tied: bool = True,
    seed: int = 0,
    width: int = 32,
    layers: int = 2,
):
    """A T5 of random weights; not ``tied``, it is built like T5 v1.1 and Flan-T5."""
    torch.manual_seed(seed)
    # The parent's keys go in as a mapping: T5Config's own signature does not name them.
    common: dict[str, Any] = {
        "tie_word_embeddings": tied,
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }
    config = T5Config(
        vocab_size=vocabulary,
        d_model=width,
        d_kv=width // 2,
        d_ff=width * 2,
        num_heads=2,
        num_layers=layers,
        num_decoder_layers=layers,
        feed_forward_proj=shape,
        dropout_rate=0.0,
        **common,
    )
    model = T5ForConditionalGeneration(config).eval()
    keep_examples_apart(model)
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight) * width**-0.5)
    return model
