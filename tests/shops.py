"""Registered models whose figures are made up, so that no model is needed to decide about them."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

from adcraft.decision.evaluation_record import record_file
from adcraft.decision.trail import Decision, trail
from adcraft.registry import Registry
from adcraft.settings import Settings, load_settings
from adcraft.tracking.run_log import RunLog
from tests.evaluations import evaluation

BETTER, EQUAL = (1.0, 2.0, 3.0), (-1.0, 0.5, 2.0)
_NUMBERS = itertools.count()


class Shop:
    """A registered model of its own in the MLflow of a home, or in one that an override names."""

    def __init__(self, home: Path, name: str, *overrides: str) -> None:
        self.arguments = [f"home={home}", f"tracking.model={name}", "promote.by=anna@shop", *overrides]
        self.settings = self.with_()
        self.registry = Registry(self.settings.tracking.uri, name)
        self.name = name

    def with_(self, *overrides: str) -> Settings:
        return load_settings(None, [*self.arguments, *overrides], {})

    def train(self, count: int = 1) -> None:
        """Register versions, as training does."""
        for index in range(count):
            key = f"{self.name}-{index}-{threading.get_ident()}-{next(_NUMBERS)}"
            run = RunLog(self.settings.tracking.uri, "tests", run_key=key, run_name=key, tags={})
            run.text("{}", "bundle/manifest.json")
            run.end("FINISHED")
            self.registry.register(run_id=run.run_id, run_name=key, run_key=key, dataset_version="d")

    def evaluate(self, chrf: tuple[float, float, float], model: str = "2", against: str = "1") -> None:
        record = evaluation(model=model, against=against, chrf=chrf, key=f"{model}{against}{chrf}")
        self.registry.log_text(self.registry.resolve(model), record.to_json(), record_file(against))

    def aliases(self) -> dict[str, str]:
        return self.registry.aliases()

    def trail(self, version: str) -> list[Decision]:
        return trail(self.registry.tags(self.registry.resolve(version)))

    def files(self, version: str) -> list[Decision]:
        """The decisions in the run of a version."""
        found = self.registry.resolve(version)
        texts = [self.registry.read_text(found, file) for file in self.registry.files(found, "decisions")]
        return [Decision.model_validate_json(text or "") for text in texts]


def new_shop(home: Path, *overrides: str) -> Shop:
    """Champion 1 and challenger 2, not yet evaluated."""
    shop = Shop(home, f"model{next(_NUMBERS)}", "promote.guards={slot_accuracy: 0.01}", *overrides)
    shop.train(2)
    return shop
