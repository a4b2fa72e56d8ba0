"""From a trained T5 to CTranslate2, with the vocabulary of the tokenizer that it was trained with.

The library's own converter reloads the tokenizer by ``AutoTokenizer``; for a custom tokenizer that
shifted every id, and fluent nonsense came out without an error. Here the vocabulary is written from
the training tokenizer, and checked id for id.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adcraft.errors import TrainingError
from adcraft.inference.codec import EOS, PAD, UNK
from adcraft.inference.engine import check_vocabulary, read_vocabulary

if TYPE_CHECKING:
    from transformers import T5ForConditionalGeneration


def convert(model: T5ForConditionalGeneration, vocabulary: Sequence[str], folder: Path) -> None:
    """Write ``model`` as float32 for CTranslate2; the number type is chosen when it is loaded.

    Args:
        model: the trained model, on the CPU.
        vocabulary: the training tokenizer's token for each id.
        folder: created.

    Raises:
        TrainingError: the vocabulary is larger than the model's, or a token occurs twice.
    """
    from ctranslate2.converters.transformers import T5Loader
    from ctranslate2.specs.model_spec import OPTIONAL

    rows = model.config.vocab_size
    if len(vocabulary) > rows:
        raise TrainingError(f"The tokenizer has {len(vocabulary)} tokens, the model only {rows} rows.")
    if len(set(vocabulary)) != len(vocabulary):
        raise TrainingError("The tokenizer has one token under two ids, which the engine would merge.")
    tokens = [*vocabulary, *(f"<row_{index}>" for index in range(len(vocabulary), rows))]
    spec = T5Loader().get_model_spec(model)
    # The loader asks whether the matrices are tied, which transformers now affirms of every T5.
    if not model.config.scale_decoder_outputs:
        spec.decoder.scale_outputs = OPTIONAL
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.bos_token = spec.config.decoder_start_token = PAD
    spec.config.eos_token = EOS
    spec.config.unk_token = UNK
    spec.config.add_source_eos = False
    spec.validate()
    spec.optimize(quantization="float32")
    folder.mkdir(parents=True)
    spec.save(str(folder))
    check_vocabulary(read_vocabulary(folder), vocabulary, where=str(folder))
