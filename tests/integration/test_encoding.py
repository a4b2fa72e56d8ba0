"""Rows on their way into training."""

import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adcraft.training.encoding import in_order
from adcraft.training.parquet_sink import OrderedParquetSink

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

_ROWS, _GROUP = 4096, 512


def test_rows_keep_their_order_though_tasks_overtake_each_other(ray_session: None, tmp_path: Path) -> None:
    files = [tmp_path / f"{part}.parquet" for part in range(3)]
    for part, file in enumerate(files):
        table = pa.table({"row": range(part * _ROWS, (part + 1) * _ROWS)})
        pq.write_table(table, file, row_group_size=_GROUP)

    def slow_at_first(table: pa.Table) -> pa.Table:
        time.sleep(0.1 if table["row"][0].as_py() < _ROWS else 0)
        return table

    stream = in_order(files).map_batches(
        slow_at_first, batch_format="pyarrow", batch_size=_GROUP, num_cpus=0.25
    )
    out = tmp_path / "out"
    out.mkdir()
    sink = OrderedParquetSink(out, pa.schema([("row", pa.int64())]))
    stream.write_datasink(sink, ray_remote_args={"num_cpus": 0.25})
    written = [row for file in sorted(out.iterdir()) for row in pq.read_table(file)["row"].to_pylist()]
    assert written == list(range(len(files) * _ROWS))
