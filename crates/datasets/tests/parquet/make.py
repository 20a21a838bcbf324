"""Writes the files of this folder: a Parquet file for each kind of column, with `x` before it and the target `y` behind it.

Made with pyarrow 26.0.1 and, for `interval`, DuckDB's file in the folder `pandas`.
"""

import datetime as dt
import decimal
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).parent
DECIMALS = [decimal.Decimal(text) for text in ("-0.05", "12.50", "0.00", "-1234567.25")]
TIMES = [dt.time(6, 0), dt.time(12, 30, 0, 500_000), dt.time(0, 0), dt.time(23, 59, 59)]
STAMPS = [dt.datetime(2024, 1, 31, 6), dt.datetime(1969, 12, 31, 18), dt.datetime(1970, 1, 1), dt.datetime(2000, 2, 29, 12, 30, 15)]

COLUMNS = {
    # Of few digits in 4 bytes, of more in 8, of most in an array of fixed length.
    "decimal-int32": pa.array(DECIMALS, pa.decimal128(9, 2)),
    "decimal-int64": pa.array(DECIMALS, pa.decimal128(18, 2)),
    "decimal-fixed": pa.array(DECIMALS, pa.decimal128(38, 2)),
    "decimal-256": pa.array(DECIMALS, pa.decimal256(60, 2)),
    "time-ms": pa.array(TIMES, pa.time32("ms")),
    "time-us": pa.array(TIMES, pa.time64("us")),
    "time-ns": pa.array([round((t.hour * 3600 + t.minute * 60 + t.second) * 1e9) + t.microsecond * 1000 for t in TIMES], pa.time64("ns")),
    "int96": pa.array(STAMPS, pa.timestamp("ns")),
    "float16": pa.array([0.5, -2.0, 65504.0, 0.0], pa.float16()),
    "dictionary": pa.array(["a", "b", "a", "b"]).dictionary_encode(),
    "unsigned": pa.array([0, 2**63, 2**64 - 1, 7], pa.uint64()),
    "list": pa.array([[1], [2, 3], [], [4]]),
    "fixed-list": pa.array([[1, 2], [2, 3], [3, 4], [4, 5]], pa.list_(pa.int32(), 2)),
    "struct": pa.array([{"a": 1, "b": "u"}] * 4),
    "map": pa.array([[("k", 1)], [("l", 2)], [], [("m", 3)]], pa.map_(pa.string(), pa.int32())),
    "binary": pa.array([b"\x00\x01", b"\xff", b"", b"abc"]),
    "fixed-binary": pa.array([b"abcd", b"\x00\x00\x00\x00", b"\xff\xfe\xfd\xfc", b"wxyz"], pa.binary(4)),
    "uuid": pa.array([uuid.UUID(int=i + 1).bytes for i in range(4)], pa.uuid()),
    "null": pa.nulls(4),
}

for name, column in COLUMNS.items():
    table = pa.table({"x": [1.5, 2.5, 3.5, 4.5], "c": column, "y": [0.5, 1.5, 2.5, 3.5]})
    int96 = name == "int96"
    decimal_as_int = name in ("decimal-int32", "decimal-int64")
    pq.write_table(
        table,
        FOLDER / f"{name}.parquet",
        use_deprecated_int96_timestamps=int96,
        store_decimal_as_integer=decimal_as_int,
        store_schema=False,
    )
