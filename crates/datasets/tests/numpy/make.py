"""Writes the files of this folder: one small matrix in every form in which NumPy may save it."""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
MATRIX = np.array([[0, 1], [1, 0], [1, 1]])

for name in "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float32 float64".split():
    np.save(FOLDER / f"{name}.npy", MATRIX.astype(name))
np.save(FOLDER / "big-endian.npy", MATRIX.astype(">f8"))
np.save(FOLDER / "fortran-order.npy", np.asfortranarray(MATRIX))
for version in (2, 3):
    with open(FOLDER / f"version-{version}.npy", "wb") as file:
        np.lib.format.write_array(file, MATRIX, version=(version, 0))
