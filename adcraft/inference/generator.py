"""Records in, copy out: prompt, encode, decode, fill the slots. One code path for HTTP and batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adcraft.inference.bundle import Bundle, PromptSettings
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import Engine
from adcraft.inference.engine_choice import EngineKind, open_engine
from adcraft.inference.lexicon import Lexicon, read_lexicon
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
        engine: ids in, ids out.
        codec: text to these ids and back.
        prompt: how the model reads.
        lexicon: of the texts that it learnt from.
    """

    def __init__(
        self,
        engine: Engine,
        codec: TextCodec,
        workload: Workload,
        prompt: PromptSettings,
        lexicon: Lexicon | None = None,
    ) -> None:
        self.engine = engine
        self.codec = codec
        self._workload = workload
        self.prompt = prompt
        self.lexicon = lexicon or Lexicon()

    @classmethod
    def load(
        cls, bundle: Bundle, *, engine: EngineKind = "auto", compute_type: str = "auto", threads: int = 1
    ) -> Generator:
        """Load a bundle's model and tokenizer.

        Raises:
            BundleError: engine and tokenizer don't agree, or a file can't be read.
            SettingsError: the hardware does not support ``compute_type``.
        """
        codec = TextCodec.load(bundle.tokenizer)
        opened = open_engine(bundle, codec, kind=engine, compute_type=compute_type, threads=threads)
        workload = get_workload(bundle.manifest.workload)
        return cls(opened, codec, workload, bundle.manifest.prompt, read_lexicon(bundle.lexicon))

    @property
    def compute_type(self) -> str:
        """The number type that the engine computes in."""
        return self.engine.compute_type

    def generate(self, records: Sequence[Record], *, variants: int = 1) -> list[Generation]:
        """Write for each record, all in one engine batch. Order is kept."""
        prompts = [self._workload.prompt(record, self.prompt.fields) for record in records]
        return self.write(prompts, self.encode(prompts), variants)

    def encode(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """The ids that the model reads for each prompt, ending in ``</s>``."""
        return self.codec.encode([prompt.source for prompt in prompts], self.prompt.source_tokens)

    def write(
        self, prompts: Sequence[Prompt], sources: Sequence[Sequence[int]], variants: int
    ) -> list[Generation]:
        """Write for each prompt, all in one engine batch. Order is kept.

        Args:
            prompts: what is asked.
            sources: :meth:`encode` of them.
            variants: texts for each.
        """
        decoded = self.engine.decode(sources, max_tokens=self.prompt.target_tokens, variants=variants)
        generations = []
        for prompt, source, hypotheses in zip(prompts, sources, decoded, strict=True):
            texts: dict[str, float] = {}
            templates = self.codec.decode([hypothesis.ids for hypothesis in hypotheses])
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
        targets = self.codec.encode([example.target for example in taught], self.prompt.target_tokens)
        sources = self.codec.encode([example.source for example in taught], self.prompt.source_tokens)
        scores = iter(zip(self.engine.score(sources, targets), map(len, targets), strict=True))
        return [next(scores) if example else (0.0, 0) for example in learnt]
