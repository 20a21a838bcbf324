"""Writes the files of this folder: small pictures in every form in which Pillow saves them, and what Pillow reads from each.

`expected.json` holds, for each picture, its pixels in grey and in colours, and with half the height and width.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent
rng = np.random.default_rng(1)
rgb = Image.fromarray(rng.integers(0, 256, (6, 4, 3), dtype=np.uint8))
smooth = Image.fromarray(np.add.outer(np.arange(12) * 16, np.arange(16) * 4)[..., None].repeat(3, 2).astype(np.uint8))

rgb.save(FOLDER / "rgb.png")
rgb.convert("L").save(FOLDER / "grey.png")
rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=8).save(FOLDER / "palette.png")
rgb.convert("1").save(FOLDER / "bits.png")
rgb.convert("RGBA").save(FOLDER / "rgba.png")
rgb.convert("LA").save(FOLDER / "grey-alpha.png")
Image.fromarray((np.asarray(rgb.convert("L")).astype(np.uint16) * 257)).save(FOLDER / "sixteen.png")
smooth.save(FOLDER / "colours.jpg", quality=95)
smooth.convert("L").save(FOLDER / "grey.jpg", quality=95)
smooth.save(FOLDER / "progressive.jpg", quality=95, progressive=True)
smooth.convert("CMYK").save(FOLDER / "print.jpg", quality=95)
rgb.save(FOLDER / "lossless.webp", lossless=True)
rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=8).save(FOLDER / "palette.gif")
rgb.save(FOLDER / "rgb.bmp")
rgb.save(FOLDER / "rgb.tiff")
rgb.convert("L").save(FOLDER / "deflated.tif", compression="tiff_adobe_deflate")

expected = {}
for path in sorted(path for path in FOLDER.iterdir() if path.suffix not in (".py", ".json")):
    # Sixteen bits become eight by their upper half, as everywhere but in Pillow's own `convert`.
    image = rgb.convert("L") if path.stem == "sixteen" else Image.open(path)
    coloured = image.mode in ("RGB", "RGBA", "P", "CMYK")
    grey = image.convert("RGB").convert("L") if coloured else image.convert("L")
    forms = {"grey": grey, "rgb": image.convert("RGB")}
    forms |= {f"{name}-small": form.reduce(2) for name, form in forms.items()}
    expected[path.name] = {"channels": 3 if coloured else 1, "height": image.height, "width": image.width}
    expected[path.name] |= {name: np.asarray(form).ravel().tolist() for name, form in forms.items()}
(FOLDER / "expected.json").write_text(json.dumps(expected) + "\n")
