"""The engine: token ids in, token ids out. CTranslate2 on CPU and GPU; see also ``torch_engine``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adcraft.errors import BundleError, SettingsError
from adcraft.inference.vocabulary_map import VOCABULARY_MAP, check_vocabulary_map, read_vocabulary_map

_PREFERRED = {"cpu": ("int8",), "cuda": ("float16", "int8_float16", "int8")}


@dataclass(frozen=True)
class Hypothesis:
    """One decoded sequence: ids without ``</s>``, and its score.

    The score is the mean log-probability per token, ``</s>`` among them; of one among several variants the
    log-probability of its first token and the mean of the others, added. With a vocabulary map, probabilities
    are shared out among the pieces that may be written.
    """

    ids: list[int]
    score: float


class Engine(Protocol):
    """What the generator needs. Blocking, not re-entrant: one batch at a time."""

    compute_type: str

    def decode(
        self, sources: Sequence[Sequence[int]], *, max_tokens: int, variants: int
    ) -> list[list[Hypothesis]]:
        """For each source (ids ending in ``</s>``) its ``variants``, best first; at most so many as there
        are tokens. They are decoded greedily, each from another first token, the likeliest ones: so they
        differ more than those of a beam do, and are the same in any batch.
        """
        ...

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of each target given its source, in nats, summed over the target's tokens;
        sources and targets are ids ending in ``</s>``.
        """
        ...


class CTranslate2Engine:
    """Runs a converted model (Klein et al., "The OpenNMT Toolkit", 2020) by CTranslate2."""

    def __init__(
        self, folder: Path, vocabulary: Sequence[str], *, compute_type: str = "auto", threads: int = 1
    ) -> None:
        """Load ``folder``, with its vocabulary map if it has one. ``compute_type`` is one that the hardware
        supports, or ``auto``: int8 on a CPU (bfloat16 there is 10 times slower), float16 on a GPU.

        Raises:
            BundleError: the converted model's vocabulary is not the tokenizer's, id for id; or its map has
                pieces that it does not.
            SettingsError: the hardware does not support ``compute_type``.
        """
        import ctranslate2

        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        self.compute_type = choose_compute_type(
            compute_type, device, ctranslate2.get_supported_compute_types(device), _PREFERRED[device]
        )
        self._vocabulary = read_vocabulary(folder)
        check_vocabulary(self._vocabulary, vocabulary, where=str(folder))
        self._cut = (folder / VOCABULARY_MAP).exists()
        if self._cut:
            pieces = read_vocabulary_map(folder / VOCABULARY_MAP)
            check_vocabulary_map(pieces, self._vocabulary, where=str(folder))
        self._id_of = {token: index for index, token in enumerate(self._vocabulary)}
        self._translator = ctranslate2.Translator(
            str(folder),
            device=device,
            compute_type=self.compute_type,
            inter_threads=1,
            intra_threads=threads,
        )

    def decode(
        self, sources: Sequence[Sequence[int]], *, max_tokens: int, variants: int
    ) -> list[list[Hypothesis]]:
        """See :class:`Engine`."""
        results = self._translator.translate_batch(
            [[self._vocabulary[i] for i in source] for source in sources],
            max_batch_size=0,
            beam_size=1,
            num_hypotheses=variants,
            return_alternatives=variants > 1,
            max_decoding_length=max_tokens,
            max_input_length=0,
            disable_unk=True,
            use_vmap=self._cut,
            return_scores=True,
        )
        return [
            sorted(
                (
                    Hypothesis([self._id_of[token] for token in tokens], float(score))
                    for tokens, score in zip(result.hypotheses, result.scores, strict=True)
                ),
                key=lambda hypothesis: -hypothesis.score,
            )
            for result in results
        ]

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        """See :class:`Engine`. The library adds the target's ``</s>`` itself, and counts it."""
        results = self._translator.score_batch(
            [[self._vocabulary[i] for i in source] for source in sources],
            [[self._vocabulary[i] for i in target[:-1]] for target in targets],
            max_batch_size=0,
            max_input_length=0,
        )
        return [float(sum(result.log_probs)) for result in results]


def read_vocabulary(folder: Path) -> list[str]:
    """The converted model's token strings by id.

    Raises:
        BundleError: the file is missing or is not a list of strings.
    """
    import json

    file = folder / "shared_vocabulary.json"
    try:
        tokens = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"The engine's vocabulary {file} can't be read: {error}.") from None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise BundleError(f"The engine's vocabulary {file} is not a list of tokens.")
    return tokens


def check_vocabulary(engine: Sequence[str], tokenizer: Sequence[str], *, where: str) -> None:
    """CTranslate2 addresses tokens by their string, so strings must agree id for id and be unique.

    The engine may go on past the tokenizer: T5's embedding has more rows than pieces.

    Raises:
        BundleError: they don't; with such a model, fluent nonsense would come out without an error.
    """
    if len(engine) < len(tokenizer):
        raise BundleError(f"The engine at {where} has {len(engine)} tokens, the tokenizer {len(tokenizer)}.")
    for index, (left, right) in enumerate(zip(engine, tokenizer, strict=False)):
        if left != right:
            raise BundleError(
                f"Token {index} is {left!r} in the engine at {where} and {right!r} in the tokenizer; the "
                "model would write nonsense. Convert it again."
            )
    if len(set(engine)) != len(engine):
        seen: set[str] = set()
        twice = next(token for token in engine if token in seen or seen.add(token))  # type: ignore[func-returns-value]
        raise BundleError(f"The engine at {where} has {twice!r} twice; CTranslate2 would merge the two ids.")


def choose_compute_type(wanted: str, device: str, supported: set[str], preferred: Sequence[str]) -> str:
    """``wanted``; where it is ``auto``, the first that is preferred and supported, else float32.

    Raises:
        SettingsError: it is not supported.
    """
    if wanted == "auto":
        return next((kind for kind in preferred if kind in supported), "float32")
    if wanted not in supported:
        raise SettingsError(
            f"compute_type {wanted!r} is not supported by this {device}. Supported: auto, "
            f"{', '.join(sorted(supported))}."
        )
    return wanted
