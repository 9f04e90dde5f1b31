from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.columns import field
from storage.errors import ShardFailed, UserError
from storage.shards import Output, ShardWriter, count_rows, iter_batches, read_table, write_table

SCHEMA = pa.schema([field("name", pa.string(), "a name", null="none"), field("size", pa.int64(), "a size", "bytes")])
ROWS = pa.table({"name": ["a", None, "c"] * 100, "size": list(range(300))}, schema=SCHEMA)


def test_an_output_says_what_is_in_the_file(tmp_path: Path) -> None:
    output = write_table(str(tmp_path), "deep/x.parquet", "pages", ROWS)
    assert (output.table, output.path, output.rows) == ("pages", "deep/x.parquet", 300)
    assert output.bytes == (tmp_path / "deep" / "x.parquet").stat().st_size
    assert Output.from_dict(output.to_dict()) == output
    assert count_rows(str(tmp_path / output.path)) == 300


def test_field_metadata_survives_and_the_tables_own_does_not(tmp_path: Path) -> None:
    noted = ROWS.replace_schema_metadata({"pandas": "{}"})
    write_table(str(tmp_path), "x.parquet", "pages", noted)
    found = read_table(str(tmp_path / "x.parquet"))
    assert found.schema.equals(SCHEMA, check_metadata=True)
    assert found == ROWS


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 120), max_size=8), st.randoms(use_true_random=False))
def test_bytes_depend_on_the_rows_not_on_how_they_came(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], order: object
) -> None:
    root = str(tmp_path_factory.mktemp("shards"))
    rows = ROWS.slice(0, min(sum(sizes), 300))
    with ShardWriter(root, "pieces.parquet", "pages", SCHEMA, rows_per_group=64) as writer:
        start = 0
        for size in sizes:
            writer.write(rows.slice(start, size))
            start += size
        pieces = writer.finish()
    with ShardWriter(root, "whole.parquet", "pages", SCHEMA, rows_per_group=64) as writer:
        writer.write(rows)
        whole = writer.finish()
    assert pieces.sha256 == whole.sha256


def test_row_groups_of_long_texts_are_short(tmp_path: Path) -> None:
    """However they come: what a reader holds at once is bounded by bytes, not by rows alone."""
    texts = pa.table({"name": ["x" * (900 if n % 10 == 0 else 10) for n in range(300)], "size": range(300)}, SCHEMA)
    found = []
    for pieces in (7, 100, 300):
        name = f"{pieces}.parquet"
        with ShardWriter(str(tmp_path), name, "pages", SCHEMA, rows_per_group=128, text_per_group=3000) as writer:
            for batch in texts.to_batches(max_chunksize=pieces):
                writer.write(batch)
            writer.finish()
        metadata = pq.ParquetFile(tmp_path / name).metadata
        found.append([metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)])
    assert found[0] == found[1] == found[2] and sum(found[0]) == 300
    assert max(found[0]) <= 40 and len(found[0]) == 10
    assert read_table(str(tmp_path / "7.parquet")) == texts


def test_row_groups_have_the_size_asked_for(tmp_path: Path) -> None:
    with ShardWriter(str(tmp_path), "x.parquet", "pages", SCHEMA, rows_per_group=128) as writer:
        for batch in ROWS.to_batches(max_chunksize=3):  # more than wait as they came
            writer.write(batch)
        writer.finish()
    metadata = pq.ParquetFile(tmp_path / "x.parquet").metadata
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [128, 128, 44]
    column = metadata.row_group(0).column(1)
    assert (column.compression, column.statistics.max) == ("ZSTD", 127)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_exception_in_the_block_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def write_half() -> None:
        with ShardWriter(str(tmp_path), "x.parquet", "pages", SCHEMA, rows_per_group=10) as writer:
            writer.write(ROWS)
            raise error

    with pytest.raises(error):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_block_left_without_finish_leaves_nothing(tmp_path: Path) -> None:
    with ShardWriter(str(tmp_path), "x.parquet", "pages", SCHEMA) as writer:
        writer.write(ROWS)
    assert list(tmp_path.iterdir()) == []


def test_columns_may_come_in_any_order_but_must_be_those_promised(tmp_path: Path) -> None:
    with ShardWriter(str(tmp_path), "x.parquet", "pages", SCHEMA) as writer:
        writer.write(ROWS.select(["size", "name"]))
        with pytest.raises(ValueError, match=r"missing columns \['name'\], columns not in the schema \['nom'\]"):
            writer.write(ROWS.rename_columns(["nom", "size"]))
        with pytest.raises(ValueError, match="size"):
            writer.write(pa.table({"name": ["a"], "size": pa.array([None], pa.int64())}))
        assert writer.finish().rows == 300


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    write_table(str(tmp_path), "x.parquet", "pages", ROWS.slice(0, 0))
    assert read_table(str(tmp_path / "x.parquet")).schema.names == ["name", "size"]


def test_batches_come_in_order_with_the_columns_asked_for(tmp_path: Path) -> None:
    write_table(str(tmp_path), "crawl=else/x.parquet", "pages", ROWS)
    batches = list(iter_batches(str(tmp_path / "crawl=else" / "x.parquet"), ["size"], rows=70))
    assert [batch.num_rows for batch in batches] == [70, 70, 70, 70, 20]
    assert pa.Table.from_batches(batches)["size"].to_pylist() == list(range(300))


def test_a_directory_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    write_table(str(tmp_path), "crawl=else/x.parquet", "pages", ROWS)
    assert read_table(str(tmp_path / "crawl=else" / "x.parquet")).column_names == ["name", "size"]


def test_what_is_no_parquet_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(ShardFailed, match=r"x\.parquet is not a readable Parquet file"):
        read_table(str(tmp_path / "x.parquet"))
    with pytest.raises(UserError, match="no file"):
        count_rows(str(tmp_path / "y.parquet"))
