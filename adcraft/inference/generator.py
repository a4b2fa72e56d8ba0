"""Records in, copy out: prompt, encode, decode, fill the slots. One code path for HTTP and batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.inference.bundle import Bundle, PromptSettings
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import CTranslate2Engine, Engine
from adcraft.workload import Prompt, Record, Workload
from adcraft.workloads import get_workload


@dataclass(frozen=True)
class Generation:
    """What was written for one prompt.

    Attributes:
        texts: distinct texts, best first.
        scores: of each text; see :class:`~adcraft.inference.engine.Hypothesis`.
        input_tokens: ids read.
        output_tokens: ids written, over all texts.
    """

    texts: tuple[str, ...]
    scores: tuple[float, ...]
    input_tokens: int
    output_tokens: int


class Generator:
    """A model that answers. Blocking, not re-entrant.

    Attributes:
        prompt: how the model reads.
    """

    def __init__(self, engine: Engine, codec: TextCodec, workload: Workload, prompt: PromptSettings) -> None:
        self._engine = engine
        self._codec = codec
        self._workload = workload
        self.prompt = prompt

    @classmethod
    def load(cls, bundle: Bundle, *, compute_type: str = "auto", threads: int = 1) -> Generator:
        """Load a bundle's engine and tokenizer.

        Raises:
            BundleError: engine and tokenizer don't agree, or a file can't be read.
            SettingsError: the hardware does not support ``compute_type``.
        """
        codec = TextCodec.load(bundle.tokenizer)
        engine = CTranslate2Engine(
            bundle.engine, codec.vocabulary, compute_type=compute_type, threads=threads
        )
        return cls(engine, codec, get_workload(bundle.manifest.workload), bundle.manifest.prompt)

    @property
    def compute_type(self) -> str:
        """The number type that the engine computes in."""
        return self._engine.compute_type

    def generate(self, records: Sequence[Record], *, variants: int = 1) -> list[Generation]:
        """Write for each record, all in one engine batch. Order is kept."""
        return self.write([self._workload.prompt(record, self.prompt.fields) for record in records], variants)

    def write(self, prompts: Sequence[Prompt], variants: int) -> list[Generation]:
        """Write for each prompt, all in one engine batch. Order is kept."""
        sources = self._codec.encode([prompt.source for prompt in prompts], self.prompt.source_tokens)
        decoded = self._engine.decode(sources, max_tokens=self.prompt.target_tokens, variants=variants)
        generations = []
        for prompt, source, hypotheses in zip(prompts, sources, decoded, strict=True):
            texts: dict[str, float] = {}
            templates = self._codec.decode([hypothesis.ids for hypothesis in hypotheses])
            for template, hypothesis in zip(templates, hypotheses, strict=True):
                texts.setdefault(self._workload.finish(template, prompt.slots), hypothesis.score)
            generations.append(
                Generation(
                    texts=tuple(texts),
                    scores=tuple(texts.values()),
                    input_tokens=len(source),
                    output_tokens=sum(len(hypothesis.ids) for hypothesis in hypotheses),
                )
            )
        return generations

    def likelihoods(self, records: Sequence[Record]) -> list[tuple[float, int]]:
        """For each record with a ``target``: the log-probability, in nats, of what its target teaches, and
        that text's tokens with ``</s>``. (0.0, 0) where it teaches nothing.
        """
        learnt = [self._workload.target_example(record, self.prompt.fields) for record in records]
        taught = [example for example in learnt if example]
        targets = self._codec.encode([example.target for example in taught], self.prompt.target_tokens)
        sources = self._codec.encode([example.source for example in taught], self.prompt.source_tokens)
        scores = iter(zip(self._engine.score(sources, targets), map(len, targets), strict=True))
        return [next(scores) if example else (0.0, 0) for example in learnt]
