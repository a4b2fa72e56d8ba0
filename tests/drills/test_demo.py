"""``make demo`` as a newcomer meets it: its copy names products as the shop spells them."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx
import pytest

from adcraft.ad_copy.fields import PROMPT_FIELDS
from adcraft.ad_copy.naming import naming
from adcraft.data.dataset import PreparedDataset
from cluster.ports import free_port

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900)]

_ROOT = Path(__file__).parents[2]
_PRODUCTS = 60


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[PreparedDataset, str]]:
    """The demo when it is up: its dataset, and where it answers HTTP."""
    home, port = tmp_path / "home", free_port(8000)
    command = [sys.executable, "-m", "cluster.demo", "--home", str(home), "--port", str(port)]
    command += ["--set", "train.max_minutes=2"]  # of three: drills have a time limit
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    said = []
    assert process.stdout
    try:
        for line in process.stdout:
            said.append(line)
            if "ends all of it" in line:
                break
        assert "ends all of it" in "".join(said[-1:]), "".join(said)
        assert f"http://127.0.0.1:{port}/docs" in "".join(said)
        print("".join(said), f"up after {time.monotonic() - begun:.0f} s")
        yield PreparedDataset.open(home / "data", "sample", ""), f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_copy_of_unseen_products_spells_brand_and_name_exactly(demo: tuple[PreparedDataset, str]) -> None:
    dataset, url = demo
    records = list(islice(dataset.rows("test"), _PRODUCTS))
    copies = []
    for record in records:
        product = {field: record[field] for field in PROMPT_FIELDS if record.get(field)}
        product.pop(record["target_field"] or "", None)
        answer = httpx.post(f"{url}/predict", json=product, timeout=30, trust_env=False).raise_for_status()
        said = answer.json()
        assert said["product_name"] == record["product_name"]
        assert said["brand"] == record["brand"]
        copies.append(said["creative"])
    found = naming(copies, records)
    print(found, *copies[:8], sep="\n")
    assert all(copies)
    for spelled in found.values():
        assert spelled.exact == spelled.named
        assert spelled.named >= _PRODUCTS / 10  # however little a slow machine has learnt
