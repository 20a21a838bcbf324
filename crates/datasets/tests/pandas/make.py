"""Writes the files of this folder: one small table in every form in which pandas and NumPy save it.

Beside them lie iris, wine, breast cancer and diabetes as scikit-learn has them, so that others can repeat the figures.
"""

from pathlib import Path

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
