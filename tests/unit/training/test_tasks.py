"""What a model learns of all that its workload could teach."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcraft.ad_copy.fields import PROMPT_FIELDS
from adcraft.errors import SettingsError
from adcraft.inference.bundle import PromptSettings
from adcraft.inference.lexicon import LEXICON, read_lexicon
from adcraft.settings import load_settings
from adcraft.training.encoding import taught
from adcraft.training.inputs import RunInputs
from adcraft.workloads import get_workload
from tests.prepared import write_prepared


@pytest.mark.parametrize(
    ("tasks", "learnt"),
    [((), ["body", "headline", "description", "subject"]), (("subject", "body"), ["body", "subject"])],
)
def test_the_tasks_that_are_named_are_learnt(
    tmp_path: Path, tasks: tuple[str, ...], learnt: list[str]
) -> None:
    record = next(iter(write_prepared(tmp_path, rows=30).rows("train")))
    prompt = PromptSettings(fields=PROMPT_FIELDS, source_tokens=8, target_tokens=8, tasks=tasks)
    assert [example.task for example in taught(record, get_workload("ad_copy"), prompt)] == learnt


def test_a_base_has_the_lexicon_of_what_is_taught(tmp_path: Path) -> None:
    dataset = write_prepared(tmp_path, rows=60)
    inputs = RunInputs(load_settings(overrides=[f"home={tmp_path}"]), dataset)
    lexicon = read_lexicon(inputs.base / LEXICON)
    assert {"the", "and"} <= lexicon.known
    assert lexicon.drawn.keys() == {"body", "headline", "description", "subject"}


def test_settings_reach_the_prompt_and_unknown_tasks_are_refused(tmp_path: Path) -> None:
    dataset = write_prepared(tmp_path, rows=30)
    settings = load_settings(overrides=[f"home={tmp_path}", 'model.tasks=["subject", "body"]'])
    prompt = RunInputs(settings, dataset).prompt
    assert prompt.tasks == ("body", "subject")
    assert set(prompt.values["tone"]) <= {"plain", "playful", "premium", "technical", "urgent", "warm"}
    wrong = load_settings(overrides=[f"home={tmp_path}", 'model.tasks=["slogan"]'])
    with pytest.raises(SettingsError, match=r"'slogan'.*Known: body, headline, description, subject"):
        RunInputs(wrong, dataset)
