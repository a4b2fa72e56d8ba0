"""Promotion and rollback in a real MLflow on SQLite; the figures are made up, so no model is needed."""

from __future__ import annotations

import argparse
import itertools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adcraft.decision import promotion
from adcraft.decision.evaluation_record import record_file
from adcraft.decision.promotion import promote, rollback
from adcraft.decision.trail import Decision, trail
from adcraft.decision.verdict import judge
from adcraft.errors import AdcraftError, AliasError, SettingsError, TrackingError
from adcraft.registry import Registry
from adcraft.settings import Settings, load_settings
from adcraft.tracking.run_log import RunLog
from ray_jobs import promote as promote_stage
from ray_jobs import rollback as rollback_stage
from tests.evaluations import evaluation
from tests.jobs import run_job

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]  # of MLflow about itself

BETTER, EQUAL = (1.0, 2.0, 3.0), (-1.0, 0.5, 2.0)


class Shop:
    """A registered model of its own in the module's MLflow."""

    def __init__(self, home: Path, name: str) -> None:
        self.arguments = [f"home={home}", f"tracking.model={name}", "promote.by=anna@shop"]
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


_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture
def shop(home: Path) -> Shop:
    """Champion 1 and challenger 2, not yet evaluated."""
    rules = Shop(home, f"model{next(_NUMBERS)}")
    rules.arguments.append("promote.guards={slot_accuracy: 0.01}")
    rules.settings = rules.with_()
    rules.train(2)
    return rules


def test_a_better_challenger_becomes_champion_and_the_old_one_previous(shop: Shop) -> None:
    shop.evaluate(BETTER)
    decided = promote(shop.settings)
    assert shop.aliases() == {"champion": "2", "previous": "1"}
    decision = decided.decision
    assert (decision.action, decision.before, decision.after) == ("promote", "1", "2")
    assert (decision.by, decision.forced, decided.reused) == ("anna@shop", False, False)
    assert decision.figures["chrf"].low == 1.0
    assert decision.rules == {"primary": "chrf", "margin": 0.0, "guards": {"slot_accuracy": 0.01}}
    assert shop.trail("1") == shop.trail("2") == shop.files("2") == [decision]


def test_a_challenger_within_noise_is_refused_once(shop: Shop) -> None:
    shop.evaluate(EQUAL)
    first, again = promote(shop.settings), promote(shop.settings)
    assert shop.aliases() == {"champion": "1", "challenger": "2"}
    assert first.decision.action == "refuse"
    assert "not better beyond noise" in first.decision.reasons[0]
    assert (again.reused, again.decision) == (True, first.decision)
    assert shop.trail("2") == shop.files("2") == [first.decision]
    assert shop.trail("1") == []
    shop.evaluate((-1.0, 0.4, 2.0))  # on other figures it is another refusal
    assert not promote(shop.settings).reused
    assert len(shop.trail("2")) == 2


def test_force_is_recorded(shop: Shop) -> None:
    forced = shop.with_("promote.force=true")
    decision = promote(forced).decision
    assert (decision.action, decision.forced, decision.evaluation) == ("promote", True, "")
    assert decision.reasons == ("It was not evaluated against the champion.",)
    assert shop.trail("2")[-1].forced
    assert shop.aliases()["champion"] == "2"


def test_rollback_and_back_again(shop: Shop) -> None:
    shop.evaluate(BETTER)
    promoted = promote(shop.settings).decision
    back = rollback(shop.settings)
    assert shop.aliases() == {"champion": "1", "previous": "2"}
    assert (back.action, back.before, back.after, back.by) == ("rollback", "2", "1", "anna@shop")
    assert shop.trail("1") == shop.trail("2") == [promoted, back]
    assert shop.files("1") == [back]
    rollback(shop.settings)
    assert shop.aliases() == {"champion": "2", "previous": "1"}


def test_what_was_rolled_back_stays_so_until_forced(shop: Shop) -> None:
    shop.evaluate(BETTER)
    promote(shop.settings)
    rollback(shop.settings)
    again = shop.with_("promote.challenger=2")
    refused = promote(again).decision
    assert refused.action == "refuse"
    assert "was rolled back by anna@shop" in refused.reasons[0]
    assert shop.aliases()["champion"] == "1"
    promote(shop.with_("promote.challenger=2", "promote.force=true"))
    assert shop.aliases() == {"champion": "2", "previous": "1"}


def test_without_a_champion_any_challenger_is_one(shop: Shop) -> None:
    shop.registry.move_aliases(shop.aliases(), {"champion": None})
    decision = promote(shop.settings).decision
    assert (decision.before, decision.reasons) == (None, ("There was no champion.",))
    assert shop.aliases() == {"champion": "2"}


def test_rules_that_name_no_metric(shop: Shop) -> None:
    shop.evaluate(BETTER)
    with pytest.raises(SettingsError, match=r"promote\.primary: 'bleu' is not a metric"):
        promote(shop.with_("promote.primary=bleu"))
    assert shop.trail("2") == []


@pytest.mark.parametrize(
    ("prepare", "overrides", "kind", "said"),
    [
        (
            lambda shop: shop.registry.move_aliases(shop.aliases(), {"challenger": None}),
            [],
            AliasError,
            r"There is no challenger to promote\. model\d+ has no alias 'challenger' .*champion -> 1",
        ),
        (
            lambda shop: None,
            ["promote.challenger=1"],
            AliasError,
            r"model\d+ version 1 is the champion already; there is nothing to promote",
        ),
        (
            lambda shop: None,
            [],
            TrackingError,
            r"no evaluation of model\d+ version 2 against version 1, the champion.*ray_jobs evaluate",
        ),
        (
            lambda shop: shop.evaluate(BETTER, against="7"),
            [],
            TrackingError,
            r"no evaluation of model\d+ version 2 against version 1",
        ),
        (
            lambda shop: shop.registry.log_text(shop.registry.resolve("2"), "{}", record_file("1")),
            [],
            TrackingError,
            r"evaluation of model\d+ version 2 against version 1 can't be read",
        ),
    ],
    ids=["no challenger", "is champion", "not evaluated", "against another", "damaged"],
)
def test_promotion_that_can_not_be_decided(
    shop: Shop, prepare: Callable[[Shop], None], overrides: list[str], kind: type[AdcraftError], said: str
) -> None:
    prepare(shop)
    before = shop.aliases()
    with pytest.raises(kind, match=said):
        promote(shop.with_(*overrides))
    assert shop.aliases() == before
    assert shop.trail("2") == []


def test_nothing_to_roll_back_to(shop: Shop) -> None:
    said = (
        r"nothing to roll back to: model\d+ has no earlier champion\. Aliases: challenger -> 2, champion -> 1"
    )
    with pytest.raises(AliasError, match=said):
        rollback(shop.settings)
    shop.registry.move_aliases(shop.aliases(), {"previous": "1"})  # as a killed promotion leaves it
    with pytest.raises(AliasError, match="nothing to roll back to"):
        rollback(shop.settings)


def test_a_promotion_that_was_killed_half_way_is_completed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.evaluate(BETTER)

    def killed(self: Registry, seen: Any, to: Any) -> None:
        move(self, seen, {"previous": to["previous"]})
        raise KeyboardInterrupt

    move = Registry.move_aliases
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "move_aliases", killed)
        with pytest.raises(KeyboardInterrupt):
            promote(shop.settings)
    assert shop.aliases() == {"champion": "1", "challenger": "2", "previous": "1"}
    promote(shop.settings)
    assert shop.aliases() == {"champion": "2", "previous": "1"}


def test_aliases_that_somebody_moves_meanwhile_are_left_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who holds no lock of ours: another machine, or MLflow's pages."""
    shop.evaluate(BETTER)
    shop.train()  # version 3 is the challenger; 2 is named

    def slow(*arguments: Any) -> Any:
        shop.registry.move_aliases(shop.aliases(), {"champion": "3"})
        return judge(*arguments)

    monkeypatch.setattr(promotion, "judge", slow)
    said = r"Somebody else moved the aliases of model\d+ .*champion was 1 and is 3.*decide again"
    with pytest.raises(AliasError, match=said):
        promote(shop.with_("promote.challenger=2"))
    assert shop.aliases() == {"champion": "3", "challenger": "3"}
    assert shop.trail("2") == []


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Calls at the same time; what each returned or raised."""
    outcomes: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls), timeout=60)

    def call(index: int) -> None:
        start.wait()
        try:
            outcomes[index] = calls[index]()
        except AdcraftError as error:
            outcomes[index] = error

    threads = [threading.Thread(target=call, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_of_two_promotions_at_once_one_is_done(shop: Shop) -> None:
    shop.evaluate(BETTER)
    outcomes = together(lambda: promote(shop.settings), lambda: promote(shop.settings))
    (done,) = [outcome for outcome in outcomes if not isinstance(outcome, AdcraftError)]
    (late,) = [outcome for outcome in outcomes if isinstance(outcome, AdcraftError)]
    assert done.decision.action == "promote"
    assert isinstance(late, AliasError)
    assert "There is no challenger to promote" in str(late)
    assert shop.aliases() == {"champion": "2", "previous": "1"}
    assert len(shop.trail("2")) == 1


def test_two_challengers_at_once_leave_one_champion(shop: Shop) -> None:
    shop.train()
    shop.evaluate(BETTER)
    shop.evaluate(BETTER, model="3")
    second, third = (shop.with_(f"promote.challenger={version}") for version in "23")
    outcomes = together(lambda: promote(second), lambda: promote(third))
    (done,) = [outcome for outcome in outcomes if not isinstance(outcome, AdcraftError)]
    (late,) = [outcome for outcome in outcomes if isinstance(outcome, AdcraftError)]
    assert f"against version {done.decision.after}, the champion" in str(late)  # not evaluated against it
    aliases = shop.aliases()
    assert (aliases["champion"], aliases["previous"]) == (done.decision.after, "1")


def test_stages_say_it_in_lines_and_in_json(shop: Shop) -> None:
    shop.evaluate(EQUAL)
    refused = run_job(shop.arguments, stage="promote")
    assert refused.code == 0
    assert refused.result["promoted"] is False
    assert (refused.result["from"], refused.result["to"]) == ("1", "2")
    assert refused.out.splitlines()[0] == f"{shop.name} version 2 does not become champion; version 1 stays."
    shop.evaluate(BETTER)
    promoted = run_job(shop.arguments, stage="promote")
    assert promoted.result["promoted"] is True
    assert promoted.result["figures"]["chrf"] == {"value": 2.0, "low": 1.0, "high": 3.0}
    back = run_job(shop.arguments, stage="rollback")
    assert (back.code, back.result["rolled_back"], back.result["to"]) == (0, True, "1")
    nothing = run_job(shop.arguments, "promote.challenger=challenger", stage="promote")
    assert nothing.code == 7
    assert "There is no challenger to promote" in nothing.result["error"]
    assert "Traceback" not in nothing.err


def test_force_on_the_command_line(shop: Shop) -> None:
    parser = argparse.ArgumentParser()
    promote_stage.add_arguments(parser)
    rollback_stage.add_arguments(argparse.ArgumentParser())
    result = promote_stage.run(shop.settings, parser.parse_args(["--force"]))
    assert (result["promoted"], result["forced"]) == (True, True)
    assert json.loads(json.dumps(result))["to"] == "2"
