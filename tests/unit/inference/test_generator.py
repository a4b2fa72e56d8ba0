"""The generator: records in, copy out, over an engine that is made up or real."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from adcraft.ad_copy.fields import PROMPT_FIELDS
from adcraft.errors import BundleError, SettingsError
from adcraft.inference.bundle import Bundle, PromptSettings, open_bundle
from adcraft.inference.codec import TextCodec
from adcraft.inference.engine import Engine, Hypothesis
from adcraft.inference.generator import Generator
from adcraft.workload import Record
from adcraft.workloads import get_workload

ROOT = Path(__file__).parents[3]


class Parrot:
    """An engine that answers with what it is told to, or with the source."""

    compute_type = "feathers"

    def __init__(self, codec: TextCodec, answers: Sequence[str] = ()) -> None:
        self.codec = codec
        self.answers = answers
        self.asked: list[tuple[int, int, int]] = []

    def decode(
        self, sources: Sequence[Sequence[int]], *, max_tokens: int, variants: int
    ) -> list[list[Hypothesis]]:
        self.asked.append((len(sources), max_tokens, variants))
        if not self.answers:
            return [[Hypothesis(list(source[:-1]), -1.0)] for source in sources]
        ids = [answer[:-1] for answer in self.codec.encode(self.answers, 64)]
        best = [Hypothesis(answer, -0.5 * rank) for rank, answer in enumerate(ids)]
        return [best[:variants] for _ in sources]

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        return [-float(len(target)) for target in targets]


@pytest.fixture(scope="module")
def codec(bundle: Bundle) -> TextCodec:
    return TextCodec.load(bundle.tokenizer)


def make(engine: Engine, codec: TextCodec, *, source_tokens: int = 64) -> Generator:
    prompt = PromptSettings(fields=PROMPT_FIELDS, source_tokens=source_tokens, target_tokens=24)
    return Generator(engine, codec, get_workload("ad_copy"), prompt)


def test_order_is_kept_and_the_batch_is_one(codec: TextCodec) -> None:
    parrot = Parrot(codec)
    names = ["Bag", "Red Kurta", "Tea Pot", "Shoes", "Bag"]
    records: list[Record] = [{"product_name": name} for name in names]
    generations = make(parrot, codec).generate(records)
    assert [generation.texts for generation in generations] == [
        (f"write: body | product: {name} {name}",) for name in names
    ]
    assert parrot.asked == [(5, 24, 1)]
    assert make(parrot, codec).compute_type == "feathers"


def test_each_record_gets_its_own_slots_back(codec: TextCodec) -> None:
    generator = make(Parrot(codec, ["Meet <name> by <brand>."]), codec)
    records: list[Record] = [
        {"product_name": "Ünïcode 5000 ☕", "brand": "<b>"},
        {"product_name": "Bag", "brand": None},
    ]
    assert [generation.texts for generation in generator.generate(records)] == [
        ("Meet Ünïcode 5000 ☕ by <b>.",),
        ("Meet Bag.",),
    ]


def test_variants_are_distinct_and_keep_the_best_score(codec: TextCodec) -> None:
    parrot = Parrot(codec, ["Meet <name>.", "Meet <name>", "Meet <name>.", "Meet <name>  by <brand>."])
    [generation] = make(parrot, codec).generate([{"product_name": "Bag"}], variants=4)
    assert generation.texts == ("Meet Bag.", "Meet Bag")
    assert generation.scores == (0.0, -0.5)
    assert parrot.asked == [(1, 24, 4)]


def test_tokens_are_counted(codec: TextCodec) -> None:
    answers = ["Meet <name>.", "Meet"]
    [generation] = make(Parrot(codec, answers), codec).generate([{"product_name": "Bag"}], variants=2)
    [source, *written] = codec.encode(["write: body | product: <name> Bag", *answers], 64)
    assert generation.input_tokens == len(source)
    assert generation.output_tokens == sum(len(ids) - 1 for ids in written)


def test_a_long_prompt_is_cut_to_what_the_model_reads(codec: TextCodec) -> None:
    record = {"product_name": "Bag", "description": "Tea Pot " * 500}
    [generation] = make(Parrot(codec), codec, source_tokens=16).generate([record])
    assert generation.input_tokens == 16


def test_nothing_asked_nothing_written(bundle: Bundle, codec: TextCodec) -> None:
    assert make(Parrot(codec), codec).generate([]) == []
    assert Generator.load(bundle).generate([]) == []


def test_a_trained_bundle_writes_of_products_it_never_saw(bundle: Bundle) -> None:
    generator = Generator.load(open_bundle(bundle.path), compute_type="float32")
    records: list[Record] = [
        {"product_name": "Garden Chair 7", "brand": "Übermöbel & Söhne"},
        {"product_name": "Shoes", "brand": "W"},
        {"product_name": "Wool Scarf"},
    ]
    assert [generation.texts for generation in generator.generate(records)] == [
        ("Meet Garden Chair 7 by Übermöbel & Söhne.",),
        ("Meet Shoes by W.",),
        ("Meet Wool Scarf.",),
    ]
    [more] = generator.generate(records[:1], variants=4)
    assert more.texts[0] == "Meet Garden Chair 7 by Übermöbel & Söhne."
    assert 1 < len(more.texts) == len(set(more.texts)) == len(more.scores)


def test_a_bundle_that_can_not_be_loaded(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="compute_type"):
        Generator.load(bundle, compute_type="int3")
    with pytest.raises(BundleError, match="tokenizer"):
        Generator.load(Bundle(tmp_path, bundle.manifest))
    odd = bundle.manifest.model_copy(update={"workload": "weather"})
    with pytest.raises(SettingsError, match=r"^workload = 'weather' is not known\. Known: ad_copy"):
        Generator.load(Bundle(bundle.path, odd))


def test_generating_imports_neither_torch_nor_transformers(bundle: Bundle) -> None:
    """What keeps a replica at 290 MB instead of 790."""
    code = """
import json, sys
from pathlib import Path
from adcraft.inference.bundle import open_bundle
from adcraft.inference.generator import Generator
generator = Generator.load(open_bundle(Path(sys.argv[1])))
[generation] = generator.generate([{"product_name": "Tea Pot", "brand": "Nike"}])
heavy = {"torch", "transformers", "ray", "mlflow", "datasets", "pandas", "sklearn", "safetensors"}
print(json.dumps({"texts": generation.texts, "heavy": sorted(heavy & sys.modules.keys())}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(bundle.path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"texts": ["Meet Tea Pot by Nike."], "heavy": []}


def test_likelihoods_keep_their_order_and_leave_out_what_teaches_nothing(codec: TextCodec) -> None:
    records: list[Record] = [
        {"product_name": "Bag", "target": "Meet Bag.", "target_field": "ad"},
        {"product_name": "Bag", "target": "", "target_field": "ad"},
        {"product_name": "Tea Pot", "target": "9 pots", "target_field": "ad"},  # 9 can't be learnt
        {"product_name": "Tea Pot", "target": "Tea Pot", "target_field": "ad"},
    ]
    found = make(Parrot(codec), codec).likelihoods(records)
    assert [tokens > 0 for _, tokens in found] == [True, False, False, True]
    assert all(total == -tokens for total, tokens in found)
    assert make(Parrot(codec), codec).likelihoods([]) == []
