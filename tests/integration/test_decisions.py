"""Decisions and registrations that are killed, or that meet each other, in a real MLflow on SQLite."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adcraft.decision.evaluation_record import record_file
from adcraft.decision.promotion import promote, rollback
from adcraft.errors import AliasError, SettingsError, TrackingError
from adcraft.registry import ModelVersion
from adcraft.tracking.run_log import RunLog
from tests.shops import BETTER, Shop, new_shop

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]  # of MLflow about itself

WRITES = (
    "set_model_version_tag",
    "log_text",
    "set_registered_model_alias",
    "delete_registered_model_alias",
)
PROMOTED, ROLLED_BACK = 6, 5
"""Writes of each: two tags and a text, then the moves."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture
def shop(home: Path) -> Shop:
    """Champion 1 and challenger 2, which is better."""
    shop = new_shop(home)
    shop.evaluate(BETTER)
    return shop


def before_write(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], Any]) -> Callable[[], int]:
    """Let something happen before MLflow is written to for that time; how often it was so far."""
    from mlflow import MlflowClient

    written: list[str] = []

    def watched(write: Callable[..., Any]) -> Callable[..., Any]:
        def watching(*arguments: Any, **named: Any) -> Any:
            written.append(write.__name__)
            if len(written) == number:
                act()
            return write(*arguments, **named)

        return watching

    for name in WRITES:
        monkeypatch.setattr(MlflowClient, name, watched(getattr(MlflowClient, name)))
    return lambda: len(written)


def killed(number: int, decide: Callable[[], Any]) -> None:
    def kill() -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        before_write(patched, number, kill)
        with pytest.raises(KeyboardInterrupt):
            decide()


def test_writes_are_so_many(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tests below kill at every one."""
    written = before_write(monkeypatch, 0, lambda: None)
    assert not promote(shop.settings).reused
    assert written() == PROMOTED
    assert not rollback(shop.settings).reused
    assert written() == PROMOTED + ROLLED_BACK


@pytest.mark.parametrize("number", range(1, PROMOTED + 1))
def test_promotion_that_was_killed_is_completed_by_the_next(shop: Shop, number: int) -> None:
    killed(number, lambda: promote(shop.settings))
    decided = promote(shop.settings)
    assert (decided.decision.action, decided.reused) == ("promote", number > 1)
    assert shop.aliases() == {"champion": "2", "previous": "1"}
    assert shop.trail("1") == shop.trail("2") == shop.files("2") == [decided.decision]
    with pytest.raises(AliasError, match="There is no challenger"):
        promote(shop.settings)
    with pytest.raises(AliasError, match="version 2 is the champion already"):
        promote(shop.with_("promote.challenger=2"))


@pytest.mark.parametrize("number", range(1, ROLLED_BACK + 1))
def test_rollback_that_was_killed_is_completed_by_the_next(shop: Shop, number: int) -> None:
    promoted = promote(shop.settings).decision
    killed(number, lambda: rollback(shop.settings))
    decided = rollback(shop.settings)
    assert (decided.decision.action, decided.reused) == ("rollback", number > 1)
    assert shop.aliases() == {"champion": "1", "previous": "2"}
    assert shop.trail("1") == shop.trail("2") == [promoted, decided.decision]
    assert shop.files("1") == [decided.decision]


def test_first_promotion_that_was_killed(shop: Shop) -> None:
    """Without a champion there is no previous one."""
    shop.registry.move_aliases(shop.aliases(), {"champion": None})
    killed(4, lambda: promote(shop.settings))
    assert shop.aliases() == {"champion": "2", "challenger": "2"}
    assert promote(shop.settings).reused
    assert shop.aliases() == {"champion": "2"}


def test_what_was_killed_is_not_done_on_other_figures(shop: Shop) -> None:
    """Nothing was moved yet, so it is decided anew."""
    killed(PROMOTED - 2, lambda: promote(shop.settings))
    shop.evaluate((-1.0, 0.0, 1.0))
    assert promote(shop.settings).decision.action == "refuse"
    assert shop.aliases() == {"champion": "1", "challenger": "2"}


def test_a_killed_promotion_by_force_does_not_excuse_a_rollback(shop: Shop) -> None:
    promote(shop.settings)
    rollback(shop.settings)
    again = "promote.challenger=2"
    killed(PROMOTED - 1, lambda: promote(shop.with_(again, "promote.force=true")))
    refused = promote(shop.with_(again)).decision
    assert (refused.action, "was rolled back by anna@shop" in refused.reasons[0]) == ("refuse", True)
    assert promote(shop.with_(again, "promote.force=true")).decision.action == "promote"


@pytest.mark.parametrize("number", range(1, PROMOTED))
def test_a_challenger_that_somebody_sets_by_hand_meanwhile_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    from mlflow import MlflowClient

    shop.train()
    shop.registry.move_aliases(shop.aliases(), {"challenger": "2"})
    by_hand, client = MlflowClient.set_registered_model_alias, MlflowClient(shop.settings.tracking.uri)
    before_write(monkeypatch, number, lambda: by_hand(client, shop.name, "challenger", "3"))
    assert promote(shop.settings).decision.action == "promote"
    assert shop.aliases() == {"champion": "2", "previous": "1", "challenger": "3"}


@pytest.mark.parametrize("number", [1, PROMOTED])
def test_a_training_that_ends_meanwhile_waits(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    training = threading.Thread(target=shop.train)

    def train() -> None:
        training.start()
        training.join(2)
        assert training.is_alive()

    before_write(monkeypatch, number, train)
    assert promote(shop.settings).decision.action == "promote"
    training.join()
    assert shop.aliases() == {"champion": "2", "previous": "1", "challenger": "3"}


def test_an_evaluation_that_can_not_be_read_stops_all_but_force(shop: Shop) -> None:
    shop.registry.log_text(shop.registry.resolve("2"), '{"new": 1}', record_file("1"))
    with pytest.raises(TrackingError, match="can't be read"):
        promote(shop.settings)
    decision = promote(shop.with_("promote.force=true")).decision
    assert (decision.action, decision.forced, decision.evaluation) == ("promote", True, "")
    assert decision.reasons[0].startswith(
        f"The evaluation of {shop.name} version 2 against version 1 can't be"
    )
    assert shop.aliases()["champion"] == "2"


def test_a_guard_that_is_none_stops_all_but_force(shop: Shop) -> None:
    guard = "promote.guards={bleu: 1}"
    with pytest.raises(SettingsError, match="'bleu' is not a metric"):
        promote(shop.with_(guard))
    decision = promote(shop.with_(guard, "promote.force=true")).decision
    assert "promote.guards: 'bleu' is not a metric" in decision.reasons[0]
    assert (decision.forced, shop.aliases()["champion"]) == (True, "2")


def test_of_two_first_trainings_one_is_champion_and_the_other_challenger(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    set_alias = MlflowClient.set_registered_model_alias

    def slowly(*arguments: Any) -> None:
        time.sleep(0.5)  # both have looked for a champion by then, if neither waits for the other
        set_alias(*arguments)

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", slowly)
    shop = Shop(home, "first")
    threads = [threading.Thread(target=shop.train) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    aliases = shop.aliases()
    assert sorted(aliases) == ["challenger", "champion"]
    assert sorted(aliases.values()) == ["1", "2"]


@pytest.mark.parametrize("newer", [True, False])
def test_a_newer_challenger_stays_when_an_older_run_is_settled(shop: Shop, newer: bool) -> None:
    """Version 3 was registered by a job that was killed before it gave it the alias."""
    left = register_and_be_killed(shop)
    assert shop.aliases() == {"champion": "1", "challenger": "2"}
    if newer:
        shop.train()
    settled = shop.registry.settle(left)
    assert settled.aliases == (() if newer else ("challenger",))
    assert shop.aliases()["challenger"] == ("4" if newer else "3")
    assert shop.registry.settle(left) == left  # its run has ended, so nothing is left to do


def register_and_be_killed(shop: Shop) -> ModelVersion:
    key = f"{shop.name}-killed"
    run = RunLog(shop.settings.tracking.uri, "tests", run_key=key, run_name=key, tags={})

    def register() -> Any:
        return shop.registry.register(run_id=run.run_id, run_name=key, run_key=key, dataset_version="d")

    killed(1, register)
    found = shop.registry.find(key)
    assert found
    return found
