"""The tokenizer that a training run uses: the base model's with slot tokens, or one trained on the feed."""

from __future__ import annotations

import io
import re
import unicodedata
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

    SentencePiece trains it: the same texts give the same pieces, which the trainer of the ``tokenizers``
    library does not (its hash maps are seeded at random), and a sixth of the time.

    Args:
        texts: sources and targets with slot tokens.
        vocabulary: pieces at most, the slot tokens not counted, unless the texts have more different
            characters. A small feed yields fewer.
        slot_tokens: kept whole, and no part of any piece; nor are ``<pad>``, ``</s>`` and ``<unk>``.

    Raises:
        TrainingError: the texts are empty.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    segments = list(_between(texts, [PAD, EOS, UNK, *slot_tokens]))
    if not segments:
        raise TrainingError("The training split has no text to train a tokenizer on.")
    tokenizer = Tokenizer(models.Unigram(_pieces(segments, vocabulary), unk_id=2))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {EOS}", pair=f"$A {EOS} $B {EOS}", special_tokens=[(EOS, 1)]
    )
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in slot_tokens])
    return _wrap(tokenizer)


def with_slot_tokens(
    tokenizer: PreTrainedTokenizerFast, slot_tokens: Sequence[str]
) -> PreTrainedTokenizerFast:
    """A base model's tokenizer that also knows the slot tokens and keeps the spaces around them.

    T5's own pre-tokenizer drops the space before an added token and adds one after it. Plain text
    keeps its ids. The result is a plain fast tokenizer: ``T5Tokenizer`` would rebuild itself on loading.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers

    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    one_space = normalizers.Replace(Regex(" {2,}"), " ")  # as T5's pre-tokenizer had it
    backend.normalizer = normalizers.Sequence([n for n in (backend.normalizer, one_space) if n])
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    backend.decoder = decoders.Metaspace(prepend_scheme="first")
    backend.add_tokens([AddedToken(token, special=False, normalized=False) for token in slot_tokens])
    return _wrap(backend)


def _wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=EOS, unk_token=UNK, model_max_length=4096
    )


def _pieces(segments: Sequence[str], vocabulary: int) -> list[tuple[str, float]]:
    """Piece and log-probability by id; ``<pad> </s> <unk>`` are 0, 1 and 2."""
    import sentencepiece

    specials = [PAD, EOS, UNK]
    characters = set().union(*segments) | {"\u2581"}  # SentencePiece's mark of a space
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(segments),
        model_writer=written,
        model_type="unigram",
        vocab_size=max(vocabulary, len(characters) + len(specials)),
        hard_vocab_limit=False,
        character_coverage=1.0,
        split_by_unicode_script=False,
        max_sentence_length=2**24,
        normalization_rule_name="identity",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        pad_piece=PAD,
        eos_piece=EOS,
        unk_piece=UNK,
        num_threads=1,
        minloglevel=2,
    )
    trained = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    return [(trained.id_to_piece(index), trained.get_score(index)) for index in range(len(trained))]


def _between(texts: Iterable[str], tokens: Sequence[str]) -> Iterator[str]:
    """What stands between the tokens, in Unicode NFC: a piece with a token's string would be a second id
    for it.
    """
    any_token = re.compile("|".join(map(re.escape, tokens)))
    for text in texts:
        for segment in any_token.split(text):
            if words := unicodedata.normalize("NFC", segment).split():
                yield " ".join(words)
