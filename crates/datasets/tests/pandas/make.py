"""Writes the files of this folder: one small table in every form in which pandas and NumPy save it.

Beside them lie iris, wine, breast cancer and diabetes as scikit-learn has them, so that others can repeat the figures.
"""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
TABLE = pd.DataFrame(
    {
        "colour": ["red", "blue", None, "red", "green", "blue"],
        "size": [1.5, 2.0, 2.5, np.nan, 3.5, 4.0],
        "count": [1, 2, 3, 4, 5, 6],
        "new": [True, False, True, True, False, False],
        "kind": ["hat", "coat", "hat", "hat", "coat", "coat"],
    }
)

TABLE.to_csv(FOLDER / "comma.csv", index=False)
TABLE.to_csv(FOLDER / "semicolon.csv", index=False, sep=";", encoding="utf-8-sig", lineterminator="\r\n")
TABLE.to_csv(FOLDER / "quoted.csv", index=False, quoting=1, na_rep="NA")
TABLE.to_csv(FOLDER / "tab.tsv", index=False, sep="\t")
for codec in ("snappy", "gzip", "zstd", "lz4", None):
    TABLE.to_parquet(FOLDER / f"{codec or 'plain'}.parquet", index=False, compression=codec)

X = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
Y = np.array([1, 0, 1])
np.savez(FOLDER / "xy.npz", x=X, y=Y)
np.savez_compressed(FOLDER / "parts.npz", x_train=X, y_train=Y, x_test=X[:1], y_test=Y[:1])
np.savez(FOLDER / "bunch.npz", data=X.reshape(3, 4).astype(float), target=Y)
np.savez(FOLDER / "lone.npz", np.column_stack([X.reshape(3, 4), Y]))

# One column of each kind, in both formats; only `interval` is of a kind that is not read.
times = pd.to_datetime(["2024-01-31 06:00:00", "2024-02-01 12:30:00", "1969-12-31 18:00:00", "2024-02-29 00:00:30"])
kinds = pd.DataFrame(
    {
        "real": [0.1, -2.5, 3e10, 7.0],
        "whole": [9007199254740993, 2, 3, 4],
        "word": ["a", "b", "a", "b"],
        "switch": [True, False, True, True],
        "day": [time.date() for time in times],
        "ms": times.astype("datetime64[ms]"),
        "us": times.astype("datetime64[us]"),
        "ns": times.astype("datetime64[ns]"),
        "zoned": times.tz_localize("UTC").tz_convert("Europe/Berlin"),
        "price": [1.25, 2.5, 3.75, 5.0],
    }
)
kinds.to_parquet(FOLDER / "kinds.parquet", coerce_timestamps=None)
kinds.to_csv(FOLDER / "kinds.csv", index=False)
duckdb.sql("COPY (SELECT i AS x, INTERVAL (i) DAY AS gap, [i, i] AS list, i + 0.5 AS y FROM range(4) t(i)) "
           f"TO '{FOLDER / 'interval.parquet'}' (FORMAT parquet)")

# The same numbers as a table of text, of Parquet, and as arrays.
rng = np.random.default_rng(5)
numbers = np.column_stack([rng.normal(1e9, 1, 40), rng.normal(0, 1, 40), rng.integers(0, 9, 40)])
target = rng.normal(0, 1, 40)
same = pd.DataFrame(np.column_stack([numbers, target]), columns=["a", "b", "c", "y"])
same.to_csv(FOLDER / "same.csv", index=False)
same.to_parquet(FOLDER / "same.parquet")
np.save(FOLDER / "same.npy", np.ascontiguousarray(same.to_numpy()))
np.savez(FOLDER / "same.npz", x=numbers, y=target)

np.savez(FOLDER / "texts.npz", x=np.arange(8.0).reshape(4, 2), y=np.array(["apfel", "Birne", "apfel", "ü"]))
np.savez(FOLDER / "bytes.npz", x=np.arange(8.0).reshape(4, 2), y=np.array([b"a", b"bc", b"a", b"bc"]))

# Every kind of column in one table, with empty cells, and its columns of numbers alone, as arrays can hold them.
rng = np.random.default_rng(7)
rows = 60
at = pd.to_datetime("2023-12-20") + pd.to_timedelta(rng.integers(0, 40 * 86_400_000, rows), unit="ms")
finer = at + pd.to_timedelta(rng.integers(0, 1_000_000, rows), unit="ns")
number = rng.normal(1e6, 3, rows)
whole = rng.integers(0, 9, rows)
every = pd.DataFrame(
    {
        "number": number,
        "empty": np.where(whole == 3, np.nan, rng.normal(0, 1, rows)),
        "whole": whole,
        "large": 9_007_199_254_740_993 + rng.integers(0, 2**50, rows),
        "switch": rng.random(rows) > 0.5,
        "word": rng.choice(["red", "blue", "green"], rows),
        "day": [time.date() for time in at],
        "ms": at.astype("datetime64[ms]"),
        "us": finer.astype("datetime64[us]"),
        "ns": finer.astype("datetime64[ns]"),
        "zoned": finer.tz_localize("UTC").tz_convert("Europe/Berlin"),
        "y": number - 1e6 + whole,
        "id": 9_007_199_254_740_993 + rng.integers(0, 3, rows),
    }
)
every.loc[whole == 5, "word"] = None
every.to_csv(FOLDER / "every.csv", index=False)
every.to_parquet(FOLDER / "every.parquet", coerce_timestamps=None)
only = every[["number", "empty", "whole", "large", "y"]].to_numpy(dtype=float)
np.save(FOLDER / "every.npy", np.ascontiguousarray(only))
np.savez(FOLDER / "every.npz", np.ascontiguousarray(only))
