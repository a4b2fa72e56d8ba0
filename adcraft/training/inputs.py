"""What a training run is trained with: base model, splits as token ids, the plan for the workers."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

from filelock import FileLock

from adcraft.data.dataset import PreparedDataset
from adcraft.errors import DatasetError, SettingsError
from adcraft.inference.bundle import Bundle, PromptSettings
from adcraft.inference.codec import TextCodec
from adcraft.inference.lexicon import LEXICON, LexiconCounter
from adcraft.settings import SCRATCH, Settings
from adcraft.tracking.provenance import code_digest
from adcraft.training.adapters import Adapters
from adcraft.training.base_model import write_base
from adcraft.training.encoding import TRAINING_SPLITS, EncodedSplit, encode, examples, taught
from adcraft.training.heartbeat import told
from adcraft.training.local_base import base_digest
from adcraft.training.monitor import Sample
from adcraft.training.plan import TrainingPlan
from adcraft.training.resources import WorkerResources
from adcraft.training.teaching import taught_split
from adcraft.workload import Workload, without_target
from adcraft.workloads import get_workload

_CODE = (
    "adcraft.inference.lexicon",
    "adcraft.training.base_model",
    "adcraft.training.encoding",
    "adcraft.training.tokenizer",
)
"""What decides, beside the workload, what a base is made like."""
_TOKENIZER_ROWS, _LEXICON_ROWS = 15_000, 5_000
_VALUE_ROWS = 200
# Of each matrix's own size (see optimizer.py). The second is what T5 was fine-tuned with by its authors.
_SCRATCH_RATE, _PRETRAINED_RATE = 2e-2, 1e-3


def check_splits(dataset: PreparedDataset) -> None:
    """Refuse a dataset without anything to learn from or to validate on.

    Raises:
        DatasetError: a split is empty.
    """
    for split in TRAINING_SPLITS:
        if not dataset.manifest.splits[split].rows:
            raise DatasetError(
                f"The {split} split of {dataset.name}/{dataset.version} is empty; prepare more products, or "
                f"a larger data.split.{split}."
            )


class RunInputs:
    """Made when first asked for, below ``<train.storage>``; runs that need the same share them."""

    def __init__(self, settings: Settings, dataset: PreparedDataset, teacher: Bundle | None = None) -> None:
        """Make nothing yet.

        Args:
            settings: of the run.
            dataset: to train on.
            teacher: whose texts are learnt in the place of the dataset's; it has the base's tokenizer.

        Raises:
            SettingsError: the workload has no such task.
        """
        self.workload = get_workload(settings.workload)
        self.pretrained = settings.model.base != SCRATCH
        self._settings = settings
        self._dataset = dataset
        self._teacher = teacher
        self.prompt = self._prompt()
        self._storage = Path(settings.train.storage)

    @cached_property
    def base(self) -> Path:
        """The folder of the base model.

        Raises:
            BaseModelError, DatasetError, StorageError: see ``adcraft.errors``.
        """
        model = self._settings.model
        content = [
            model.model_dump(),
            base_digest(model.base),
            self._dataset.version,
            self.workload.name,
            code_digest(*self.workload.code, *_CODE),
        ]
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        folder = self._storage / "bases" / key
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):  # runs of one sweep start together
            if not folder.exists():
                aside = _fresh_folder(folder.with_name(f".{key}-partial"))
                with told(f"getting the base model ready ({model.base})"):
                    counter = LexiconCounter()
                    write_base(model, self.workload.slot_tokens, lambda: self._texts(counter), aside)
                    self._write_lexicon(counter, aside / LEXICON)
                aside.rename(folder)
        return folder

    @property
    def tokenizer(self) -> Path:
        """The file of the base model's tokenizer."""
        return self.base / "tokenizer.json"

    @cached_property
    def splits(self) -> dict[str, EncodedSplit]:
        """The training splits as the base's token ids. A teacher writes what is learnt from, and what the
        training is validated by: by the dataset's own texts a student seems to get worse as it gets like its
        teacher.
        """
        splits = encode(self._dataset, self.workload, self.tokenizer, self.prompt, self._storage / "encoded")
        if self._teacher:
            taught = self._storage / "taught"
            splits = {name: taught_split(self._teacher, split, taught) for name, split in splits.items()}
        return splits

    @cached_property
    def samples(self) -> list[Sample]:
        """The first products of the validation split, to be written about after each epoch."""
        rows = islice(self._dataset.rows("validation"), self._settings.train.samples)
        return [
            Sample(
                product=row[self.workload.product_name] or "",
                reference=row["target"] or "",
                prompt=self.workload.prompt(without_target(row), self.prompt.fields),
            )
            for row in rows
        ]

    @cached_property
    def adapters(self) -> Adapters | None:
        """The LoRA matrices to train in the place of the base's own weights; None to train these."""
        vocabulary = TextCodec.load(self.tokenizer).vocabulary
        slots = [vocabulary.index(token) for token in self.workload.slot_tokens]
        return Adapters.of(self._settings.train.lora, slots)

    def plan(self, resources: WorkerResources, start: str, until: int) -> TrainingPlan:
        """What each worker is told.

        Args:
            resources: of each worker.
            start: the folder of the checkpoint to begin from; "": the base model.
            until: the epoch to pause after; 0: the last one.
        """
        train, model = self._settings.train, self._settings.model
        return TrainingPlan(
            base=str(self.base),
            pretrained=self.pretrained,
            rows=self.splits["train"].rows,
            epochs=train.max_epochs,
            seconds=train.max_minutes * 60,
            patience=train.patience,
            threads=resources.threads,
            workers=train.num_workers,
            strategy=train.strategy,
            tokens_per_batch=train.tokens_per_batch,
            accumulate=train.accumulate,
            learning_rate=train.learning_rate or (_PRETRAINED_RATE if self.pretrained else _SCRATCH_RATE),
            warmup=train.warmup,
            weight_decay=train.weight_decay,
            label_smoothing=train.label_smoothing,
            clip_norm=train.clip_norm,
            precision=train.precision,
            gradient_checkpointing=train.gradient_checkpointing,
            compile=train.compile,
            adapters=self.adapters,
            seed=train.seed,
            target_tokens=model.target_tokens,
            sample_sources=self._sample_sources(),
            start=start,
            until=until,
        )

    def _prompt(self) -> PromptSettings:
        """Its values are those that the feed has, and those that some of what it teaches was made with."""
        model = self._settings.model
        prompt = PromptSettings(
            fields=self.workload.prompt_fields,
            source_tokens=model.source_tokens,
            target_tokens=model.target_tokens,
            tasks=_known(model.tasks, self.workload),
        )
        values = {field: set(counts) for field, counts in self._dataset.manifest.values.items() if counts}
        for row in islice(self._dataset.rows("train"), _VALUE_ROWS):
            for example in taught(row, self.workload, prompt):
                for field, value in example.values.items():
                    values.setdefault(field, set()).add(value)
        return prompt.model_copy(
            update={"values": {field: tuple(sorted(those)) for field, those in values.items()}}
        )

    def _write_lexicon(self, counter: LexiconCounter, file: Path) -> None:
        """That of the base where it has one, since it learnt from those texts; else of what was counted."""
        own = Path(self._settings.model.base).expanduser() / LEXICON
        if self.pretrained and own.is_file():
            shutil.copyfile(own, file)
            return
        if not counter.examples:  # a pretrained base has a tokenizer
            deque(self._texts(counter, _LEXICON_ROWS), maxlen=0)
        counter.lexicon(closed=not self.pretrained).write(file)

    def _texts(self, counter: LexiconCounter, rows: int = _TOKENIZER_ROWS) -> Iterator[str]:
        """What about so many rows teach, which is counted."""
        files = self._dataset.split_files("train")
        for example in examples(files, self.workload, self.prompt, limit=rows):
            counter.add(example)
            yield from (example.source, example.target)

    def _sample_sources(self) -> tuple[tuple[int, ...], ...]:
        sources = [sample.prompt.source for sample in self.samples]
        codec = TextCodec.load(self.tokenizer)
        return tuple(tuple(ids) for ids in codec.encode(sources, self.prompt.source_tokens))


def _known(tasks: Sequence[str], workload: Workload) -> tuple[str, ...]:
    unknown = [task for task in tasks if task not in workload.tasks]
    if unknown:
        known = ", ".join(workload.tasks)
        raise SettingsError(
            f"model.tasks has {unknown[0]!r}, which {workload.name} does not know. Known: {known}."
        )
    return tuple(task for task in workload.tasks if task in tasks)


def _fresh_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder
