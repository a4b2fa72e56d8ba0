"""Text to token ids and back, the same in training and in serving."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adcraft.errors import BundleError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, EOS, UNK = "<pad>", "</s>", "<unk>"


class TextCodec:
    """A ``tokenizers`` tokenizer with T5's conventions: ``</s>`` ends a text, ``<pad>`` starts one.

    Attributes:
        vocabulary: the string of each id, ``vocabulary[id]``.

    Raises:
        BundleError: its ids are not 0, 1, 2 and so on, or it is not a T5 tokenizer.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        ids = tokenizer.get_vocab(with_added_tokens=True)
        self.vocabulary: list[str] = [token for token, _ in sorted(ids.items(), key=lambda item: item[1])]
        if sorted(ids.values()) != list(range(len(ids))):
            raise BundleError(
                f"The tokenizer has {len(ids)} tokens but ids up to {max(ids.values())}: one token "
                "has two ids, so every token after it would be taken for another. Make the tokenizer again."
            )
        missing = [token for token in (PAD, EOS, UNK) if token not in ids]
        if missing:
            raise BundleError(f"The tokenizer lacks {', '.join(missing)}, so it is not a T5 tokenizer.")
        self.pad_id, self.eos_id, self.unk_id = ids[PAD], ids[EOS], ids[UNK]
        tokenizer.no_padding()
        tokenizer.no_truncation()

    @classmethod
    def load(cls, file: Path) -> TextCodec:
        """Read ``tokenizer.json``.

        Raises:
            BundleError: it can't be read, or is not a T5 tokenizer.
        """
        from tokenizers import Tokenizer

        try:
            return cls(Tokenizer.from_file(str(file)))
        except BundleError:
            raise
        except Exception as error:  # the library raises bare Exception
            raise BundleError(f"The tokenizer {file} can't be read: {error}.") from error

    def encode(self, texts: Sequence[str], limit: int) -> list[list[int]]:
        """Ids of each text, ending in ``</s>``, at most ``limit`` of them."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [[*encoding.ids[: limit - 1], self.eos_id] for encoding in encodings]

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each sequence; padding, end and unknown tokens are left out, slots stay."""
        dropped = {self.pad_id, self.eos_id, self.unk_id}
        kept = [[i for i in sequence if i not in dropped] for sequence in ids]
        return self._tokenizer.decode_batch(kept, skip_special_tokens=False)
