"""From a champion to a registered student, on one small Ray, with models of a few thousand weights."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from transformers import T5Config

from adcraft.inference.bundle import Bundle, RunReference, open_bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine_choice import open_engine
from adcraft.registry import Registry
from adcraft.tracking.run_log import RunLog
from tests.jobs import TrainedHome, furnish, run_job, train_arguments
from tests.teachers import write_deeper

pytestmark = pytest.mark.integration

LAYERS = 3


def register_teacher(home: Path, trained: TrainedHome) -> Bundle:
    """The trained model, deeper, as champion of another home."""
    uri, registry = f"sqlite:///{home}/mlflow.db", Registry(trained.uri, "ad_copy")
    shallow = open_bundle(registry.download(registry.resolve("1"), home / "shallow"))
    run_log = RunLog(uri, "adcraft", "teacher", "teacher", {})
    run = RunReference(id=run_log.run_id, name="teacher")
    bundle = write_deeper(shallow, LAYERS, home / "teacher", run)
    run_log.folder(bundle.path, "bundle")
    run_log.end("FINISHED")
    Registry(uri, "ad_copy").register(
        run_id=run_log.run_id,
        run_name="teacher",
        run_key="teacher",
        dataset_version=trained.dataset.version,
    )
    return bundle


def test_a_student_learns_its_teachers_texts_and_is_challenger(trained: TrainedHome, tmp_path: Path) -> None:
    furnish(tmp_path, trained.home)
    teacher = register_teacher(tmp_path, trained)
    arguments = train_arguments(tmp_path, "train.max_epochs=1", "model.source_tokens=32")
    job = run_job(arguments, stage="distill")
    assert job.code == 0, job.err
    said = job.result
    assert (said["model_version"], said["aliases"]) == ("2", ["challenger"])
    assert (said["teacher_version"], said["teacher_layers"], said["layers"]) == ("1", LAYERS, [0, 2])
    assert said["dataset_version"] == trained.dataset.version
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", "ad_copy")
    student = open_bundle(registry.download(registry.resolve("challenger"), tmp_path / "models"))
    assert T5Config.from_pretrained(student.model).num_decoder_layers == 2
    ours, theirs = student.manifest, teacher.manifest
    assert ours.prompt == theirs.prompt  # so the evaluation can compare their losses
    vocabularies = [TextCodec.load(bundle.tokenizer).vocabulary for bundle in (student, teacher)]
    assert vocabularies[0] == vocabularies[1]
    run = TrainedHome(tmp_path, trained.dataset, arguments, job).client().get_run(said["run_id"])
    assert run.data.tags["adcraft.teacher"] == "ad_copy/1"
    assert run.data.tags["adcraft.teacher_layers"] == "0 2"

    written = sorted((tmp_path / "train" / "taught").glob("*/*.parquet"))
    assert len({file.parent for file in written}) == 2  # a student is validated by its teacher's texts too
    taught = [row for file in written for row in pq.read_table(file).to_pylist()]
    codec = TextCodec.load(teacher.tokenizer)
    sources = [row["source"] for row in taught[:8]]
    limit = theirs.prompt.target_tokens
    decoded = open_engine(teacher, codec).decode(sources, max_tokens=limit, variants=1)
    expected = [[*hypotheses[0].ids[: limit - 1], codec.eos_id] for hypotheses in decoded]
    assert [row["target"] for row in taught[:8]] == expected

    again = run_job(arguments, stage="distill")
    assert (again.code, again.result["reused"], again.result["model_version"]) == (0, True, "2")
    refused = run_job(arguments, "distill.decoder_layers=4", stage="distill")
    assert refused.code == 2
    assert "distill.decoder_layers = 4, and the teacher has 3" in refused.result["error"]
