"""Writes the seeds of the fuzz targets: one small sound file of each form, from which the fuzzer goes on."""

import gzip
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SEEDS = Path(__file__).parent


def seed(target, name, contents):
    folder = SEEDS / target
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(contents)


def saved(save, *arguments, **options):
    buffer = io.BytesIO()
    save(buffer, *arguments, **options)
    return buffer.getvalue()


images = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 2, 3) + bytes(range(12))
labels = struct.pack(">BBBBI", 0, 0, 8, 1, 3) + bytes([5, 0, 4])
seed("idx", "images", images)
seed("idx", "labels", labels)
seed("idx", "images.gz", gzip.compress(images, mtime=0))
seed("idx", "two-members.gz", gzip.compress(images[:9], mtime=0) + gzip.compress(images[9:], mtime=0))

matrix = np.array([[0, 1], [1, 0], [1, 1]])
for kind in ("f4", "f8", "b1", "i1", "u1", "i2", "u4", "i8", ">f8"):
    seed("npy", kind.replace(">", "big-"), saved(np.save, matrix.astype(kind)))
seed("npy", "fortran", saved(np.save, np.asfortranarray(matrix.astype("f4"))))
seed("npy", "images", saved(np.save, np.zeros((2, 2, 2, 3), np.uint8)))

seed("npz", "stored", saved(np.savez, x=matrix, y=[1, 0, 1]))
seed("npz", "deflated", saved(np.savez_compressed, x=matrix, y=[1, 0, 1]))
parts = {"x_train": matrix, "y_train": [1, 0, 1], "x_test": matrix, "y_test": [0, 0, 1]}
seed("npz", "parts", saved(np.savez_compressed, **parts))
seed("npz", "lone", saved(np.savez, matrix))

TABLES = {
    "numbers": "1,2,3\n4,5,6\n7,8,9\n",
    "header": "a,b,c\n1,2,x\n3,4,y\n",
    "words": "hue,size,kind\nred,1.5,hat\nblue,,coat\n\"re\"\"d\",?,hat\n",
    "excel": "\ufeffa;b\r\n1;2\r\n3;NA\r\n",
    "tabs": "a\tb\n1\t2\n\n3\t4",
}
for name, text in TABLES.items():
    # The first byte chooses the options.
    for choice in (0x00, 0x20, 0x86, 0x4C):
        seed("csv", f"{name}-{choice:02x}", bytes([choice]) + text.encode())

rgb = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5)
for name, image in {"rgb": rgb, "palette": rgb.convert("P"), "bits": rgb.convert("1"), "rgba": rgb.convert("RGBA")}.items():
    seed("picture", f"{name}.png", saved(image.save, format="PNG"))
seed("picture", "rgb.jpg", saved(rgb.save, format="JPEG"))
seed("picture", "grey.jpg", saved(rgb.convert("L").save, format="JPEG"))
seed("picture", "progressive.jpg", saved(rgb.save, format="JPEG", progressive=True))

card = {"architecture": {"inputs": 2, "layers": [{"kind": "dense", "outputs": 2}]}, "output": "softmax"}
card |= {"transform": [{"kind": "standardise", "mean": [0.0, 1.0], "deviation": [1.0, 2.0]}], "classes": ["a", "b"]}
header = {
    "__metadata__": {"chainrule": json.dumps(card)},
    "0.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    "0.bias": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]},
}
text = json.dumps(header).encode()
seed("checkpoint", "dense", struct.pack("<Q", len(text)) + text + np.zeros(6, "f4").tobytes())

# As PyTorch writes it: no description, names of its own, a counter beside them.
shapes = {"fc1.bias": [2], "fc1.weight": [2, 2], "fc2.bias": [2], "fc2.weight": [2, 2]}
header, end = {"step": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]}}, 8
for name, shape in shapes.items():
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + 4 * int(np.prod(shape))]}
    end = header[name]["data_offsets"][1]
text = json.dumps(header).encode()
seed("checkpoint", "foreign", struct.pack("<Q", len(text)) + text + bytes(end))

seed("config", "all", b'# a run\nlayers = [128, 64]\nlr = 0.01\nstandardize = true\ndata = "digits"\nseed = 7\n')
seed("config", "flag", b"quiet = false\nepochs=3\n'task' = \"auto\"\n")

for path in sorted((SEEDS.parents[1] / "crates/model/tests/golden").glob("*.onnx")):
    seed("onnx", path.stem, path.read_bytes())
for path in sorted((SEEDS.parents[1] / "crates/model/tests/golden").glob("*.pt")):
    seed("state_dict", path.stem, path.read_bytes())

golden = SEEDS.parents[1] / "crates/model/tests/golden"
shard = "model-00001-of-00002.safetensors"
index = {"metadata": {"total_size": 64}, "weight_map": {"0.bias": shard, "0.weight": shard}}
seed("sharded", "one", json.dumps(index).encode() + b"\0" + (golden / shard).read_bytes())
seed("sharded", "two", (golden / "model.safetensors.index.json").read_bytes())
seed("sharded", "map", b"# a map\nfc1.weight = 0.weight  # [4, 3]\nfc2.weight = -\n")
