"""Promotion and rollback in a real MLflow on SQLite; the figures are made up, so no model is needed."""

from __future__ import annotations

import argparse
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adcraft.decision import promotion
from adcraft.decision.evaluation_record import record_file
from adcraft.decision.promotion import promote, rollback
from adcraft.decision.trail import Decision
from adcraft.decision.verdict import judge
from adcraft.errors import AdcraftError, AliasError, BundleError, SettingsError, TrackingError
from ray_jobs import promote as promote_stage
from ray_jobs import rollback as rollback_stage
from tests.jobs import run_job
from tests.shops import BETTER, EQUAL, Shop, new_shop

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]  # of MLflow about itself


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture
def shop(home: Path) -> Shop:
    """Champion 1 and challenger 2, not yet evaluated."""
    return new_shop(home)


def test_a_better_challenger_becomes_champion_and_the_old_one_previous(shop: Shop) -> None:
    shop.evaluate(BETTER)
    decided = promote(shop.settings)
    assert shop.aliases() == {"champion": "2", "previous": "1"}
    decision = decided.decision
    assert (decision.action, decision.before, decision.after) == ("promote", "1", "2")
    assert (decision.by, decision.forced, decided.reused) == ("anna@shop", False, False)
    assert decision.figures["chrf"].low == 1.0
    assert decision.rules == {
        "primary": "chrf",
        "margin": 0.0,
        "guards": {"slot_accuracy": 0.01},
        "min_products": 30,
    }
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
    back = rollback(shop.settings).decision
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


def test_a_version_whose_bundle_is_gone_does_not_become_champion(shop: Shop) -> None:
    """Neither by its figures, nor by force, nor by a rollback; nothing is written down."""
    shop.evaluate(BETTER)
    bundle = Path(shop.registry.resolve("2").artifact_uri)
    shutil.rmtree(bundle)
    said = rf"The bundle of {shop.name} version 2 is gone: nothing is at .*/artifacts/bundle"
    for settings in (shop.settings, shop.with_("promote.force=true")):
        with pytest.raises(BundleError, match=said):
            promote(settings)
    assert shop.aliases() == {"champion": "1", "challenger": "2"}
    assert shop.trail("2") == []
    bundle.mkdir()
    (bundle / "manifest.json").touch()
    promote(shop.settings)
    shutil.rmtree(shop.registry.resolve("1").artifact_uri)
    with pytest.raises(BundleError, match="version 1 is gone"):
        rollback(shop.settings)
    assert shop.aliases() == {"champion": "2", "previous": "1"}


def test_nothing_to_evaluate(shop: Shop) -> None:
    shop.registry.move_aliases(shop.aliases(), {"champion": None, "challenger": None, "previous": "1"})
    job = run_job(shop.arguments, stage="evaluate")
    assert job.code == 7
    assert job.result["error"] == (
        "There is neither a challenger nor a champion to evaluate. Aliases: previous -> 1. Set "
        "evaluate.model to one of them, or to a version."
    )


@pytest.mark.parametrize("stage", ["evaluate", "promote", "rollback", "history"])
def test_no_model_and_no_mlflow(home: Path, stage: str) -> None:
    job = run_job([f"home={home}", "tracking.model=none"], stage=stage)
    assert (job.code, "Traceback" in job.err) == (7, False)
    assert "No model 'none' is registered in MLflow at sqlite://" in job.result["error"]
    away = run_job([f"home={home}", "tracking.uri=http://127.0.0.1:9"], stage=stage)
    assert (away.code, "Traceback" in away.err) == (7, False)
    assert "MLflow at http://127.0.0.1:9 can't be reached" in away.result["error"]
    assert away.seconds < 20


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


def test_history_tells_everything_that_was_decided(shop: Shop) -> None:
    none = run_job(shop.arguments, stage="history")
    assert none.out.splitlines()[0] == (
        f"{shop.name}: challenger is version 2, champion is version 1; nothing was decided so far"
    )
    assert (none.result["total"], none.result["decisions"]) == (0, [])
    shop.evaluate(EQUAL)
    promote(shop.settings)
    promote(shop.with_("promote.force=true", "promote.by=bo@shop"))
    rollback(shop.settings)

    told = run_job(shop.arguments, stage="history")
    assert told.code == 0, told.err
    heads = [line.split("UTC  ")[1] for line in told.out.splitlines() if "UTC" in line]
    assert heads == [
        "anna@shop  rolled back, champion 2 -> 1",
        "bo@shop  promoted by force, champion 1 -> 2",
        "anna@shop  refused version 2, champion stays 1",
    ]
    assert "  chrF, 0 to 100 is not better beyond noise" in told.out
    found = [Decision.model_validate(decision) for decision in told.result["decisions"]]
    assert found == [*reversed(shop.trail("1")), shop.trail("2")[0]]
    assert found[2].figures["chrf"].value == 0.5
    assert told.result["aliases"] == shop.aliases()

    last = run_job(shop.arguments, stage="history", options=["--limit", "1"])
    assert "the last 1 of 3 decided" in last.out
    assert (last.result["total"], last.result["decisions"]) == (3, told.result["decisions"][:1])
    assert run_job(shop.arguments, stage="history", options=["--limit", "0"]).result == told.result
    wrong = run_job(shop.arguments, stage="history", options=["--limit", "-1"])
    assert (wrong.code, "--limit -1 is below 0" in wrong.result["error"]) == (2, True)
