"""The tokenizer that a training run uses: the base model's with slot tokens, or one trained on the feed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from adcraft.errors import TrainingError
from adcraft.inference.codec import EOS, PAD, UNK

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast


def train_tokenizer(
    texts: Iterable[str], vocabulary: int, slot_tokens: Sequence[str]
) -> PreTrainedTokenizerFast:
    """Train a Unigram tokenizer (Kudo, "Subword Regularization", ACL 2018) with T5's conventions.

    Args:
        texts: sources and targets with slot tokens; read once.
        vocabulary: pieces at most, the slot tokens not counted. A small feed yields fewer.
        slot_tokens: kept whole, and no part of any piece; nor are ``<pad>``, ``</s>`` and ``<unk>``.

    Raises:
        TrainingError: the texts are empty.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary, special_tokens=[PAD, EOS, UNK], unk_token=UNK, show_progress=False
    )
    segments = _Counted(_between(texts, [PAD, EOS, UNK, *slot_tokens]))
    tokenizer.train_from_iterator(segments, trainer)
    if not segments.count:
        raise TrainingError("The training split has no text to train a tokenizer on.")
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in slot_tokens])
    return _wrap(tokenizer)


def with_slot_tokens(
    tokenizer: PreTrainedTokenizerFast, slot_tokens: Sequence[str]
) -> PreTrainedTokenizerFast:
    """A base model's tokenizer that also knows the slot tokens and keeps the spaces around them.

    T5's own pre-tokenizer drops the space before an added token and adds one after it. Plain text
    keeps its ids. The result is a plain fast tokenizer: ``T5Tokenizer`` would rebuild itself on loading.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers

    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    backend.decoder = decoders.Metaspace(prepend_scheme="first")
    backend.add_tokens([AddedToken(token, special=False, normalized=False) for token in slot_tokens])
    return _wrap(backend)


def _wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=EOS, unk_token=UNK, model_max_length=4096
    )


class _Counted(Iterator[str]):
    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self.count = 0

    def __next__(self) -> str:
        text = next(self._texts)
        self.count += 1
        return text


def _between(texts: Iterable[str], tokens: Sequence[str]) -> Iterator[str]:
    """What stands between the tokens: a piece with a token's string would be a second id for it."""
    any_token = re.compile("|".join(map(re.escape, tokens)))
    for text in texts:
        for segment in any_token.split(text):
            if segment.strip():
                yield segment
