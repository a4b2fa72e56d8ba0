"""The engine on torch and transformers, for what CTranslate2 can't run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcraft.errors import BundleError
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import Hypothesis, choose_compute_type

if TYPE_CHECKING:
    import torch

_SUPPORTED = {"cpu": {"float32", "bfloat16"}, "cuda": {"float32", "bfloat16", "float16"}}
_PREFERRED = {"cpu": ("float32",), "cuda": ("bfloat16",)}  # T5 overflows in float16


class TorchEngine:
    """Runs a trained model by transformers' T5; see :class:`~adcraft.inference.engine.Engine`."""

    def __init__(
        self, folder: Path, codec: TextCodec, *, compute_type: str = "auto", threads: int = 1
    ) -> None:
        """Load ``folder``, in transformers' layout. ``compute_type`` is ``auto`` (float32 on a CPU, bfloat16
        on a GPU), float32, bfloat16 or, on a GPU, float16. ``threads`` are those of torch in this process.

        Raises:
            BundleError: the model has fewer rows than the tokenizer has tokens.
            SettingsError: the hardware does not support ``compute_type``.
        """
        import torch
        from transformers import T5ForConditionalGeneration
        from transformers.utils import logging as transformers_logging

        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.compute_type = choose_compute_type(compute_type, device, _SUPPORTED[device], _PREFERRED[device])
        torch.set_num_threads(threads)
        transformers_logging.disable_progress_bar()
        loaded = T5ForConditionalGeneration.from_pretrained(
            folder, dtype=getattr(torch, self.compute_type), local_files_only=True, use_safetensors=True
        )
        if loaded.config.vocab_size < len(codec.vocabulary):
            raise BundleError(
                f"The model at {folder} has {loaded.config.vocab_size} rows, the tokenizer "
                f"{len(codec.vocabulary)} tokens."
            )
        self._model: Any = loaded.eval().to(device)  # its own signature rejects itself
        self._pad, self._eos, self._unk = codec.pad_id, codec.eos_id, codec.unk_id

    def decode(
        self, sources: Sequence[Sequence[int]], *, max_tokens: int, variants: int
    ) -> list[list[Hypothesis]]:
        """See :class:`~adcraft.inference.engine.Engine`."""
        import torch

        if not sources:
            return []
        with torch.inference_mode():
            tokens, scores = self._continue(sources, max_tokens, variants)
        hypotheses = [
            self._hypothesis(ids, each, among_several=variants > 1)
            for ids, each in zip(tokens.tolist(), scores.tolist(), strict=True)
        ]
        count = len(hypotheses) // len(sources)
        rows = [hypotheses[start : start + count] for start in range(0, len(hypotheses), count)]
        return [sorted(row, key=lambda hypothesis: -hypothesis.score) for row in rows]

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        """See :class:`~adcraft.inference.engine.Engine`."""
        import torch

        if not sources:
            return []
        read, mask = self._padded(sources)
        labels, counted = self._padded(targets)
        before = torch.cat([torch.full_like(labels[:, :1], self._pad), labels[:, :-1]], dim=1)
        with torch.inference_mode():
            logits = self._model(input_ids=read, attention_mask=mask, decoder_input_ids=before).logits.float()
            of_labels = logits.gather(-1, labels[..., None])[..., 0] - logits.logsumexp(dim=-1)
        return [float(total) for total in (of_labels * counted).sum(dim=1)]

    def _continue(
        self, sources: Sequence[Sequence[int]], max_tokens: int, variants: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and log-probabilities [sources x variants, tokens]; what follows ``</s>`` means nothing."""
        import torch

        read, mask = self._padded(sources)
        encoded = self._model.get_encoder()(input_ids=read, attention_mask=mask)
        output = self._step(torch.full_like(read[:, :1], self._pad), encoded, mask, None)
        never = (self._unk, self._eos)  # an answer has a token at least
        variants = min(variants, output.logits.shape[-1] - len(never))
        first, tokens = self._log_probabilities(output, never).topk(variants, dim=-1)
        cache = output.past_key_values
        cache.batch_repeat_interleave(variants)
        states = encoded.last_hidden_state.repeat_interleave(variants, dim=0)
        encoded = type(encoded)(last_hidden_state=states)
        mask = mask.repeat_interleave(variants, dim=0)
        written, scores = [tokens.reshape(-1)], [first.reshape(-1)]
        ended = torch.zeros_like(written[0], dtype=torch.bool)
        while len(written) < max_tokens and not ended.all():
            output = self._step(written[-1][:, None], encoded, mask, cache)
            score, token = self._log_probabilities(output, (self._unk,)).max(dim=-1)
            written.append(token)
            scores.append(score)
            ended |= token == self._eos
        return torch.stack(written, dim=1), torch.stack(scores, dim=1)

    def _step(self, tokens: torch.Tensor, encoded: Any, mask: torch.Tensor, cache: Any) -> Any:
        return self._model(
            decoder_input_ids=tokens,
            encoder_outputs=encoded,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
        )

    @staticmethod
    def _log_probabilities(output: Any, never: Sequence[int]) -> torch.Tensor:
        logits: torch.Tensor = output.logits[:, -1].float()
        logits[:, list(never)] = float("-inf")
        return logits.log_softmax(dim=-1)

    def _hypothesis(self, ids: list[int], scores: list[float], *, among_several: bool) -> Hypothesis:
        length = ids.index(self._eos) if self._eos in ids else len(ids)
        counted = scores[: length + 1]
        if not among_several:
            return Hypothesis(ids[:length], sum(counted) / len(counted))
        first, *others = counted
        return Hypothesis(ids[:length], first + sum(others) / max(1, len(others)))

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids [rows, longest] and which of them are not padding, as 0 and 1."""
        import torch

        longest = max(map(len, rows))
        ids = [[*row, *[self._pad] * (longest - len(row))] for row in rows]
        mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
        device = self._model.device
        return torch.tensor(ids, device=device), torch.tensor(mask, device=device)
