"""Damaged pictures and damaged files of boxes, let at the readers of data sets."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from lit_invariance.data.annotated_boxes import read_annotated_boxes
from lit_invariance.data.boxes import read_box
from lit_invariance.data.images import decode
from lit_invariance.experiments.reliability.mutations import Tally, survive

SIZE = (24, 16)
VOC = (
    "<annotation><size><width>24</width><height>16</height></size><object><name>dog</name><bndbox><xmin>1</xmin>"
    "<ymin>2</ymin><xmax>9</xmax><ymax>12</ymax></bndbox></object></annotation>"
)
COCO = (
    '{"images": [{"id": 1, "width": 24, "height": 16}], "categories": [{"id": 3, "name": "dog"}], '
    '"annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 8.5, 10], "iscrowd": 0}]}'
)
TABLE = "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,24,16,dog,1,2,9,12\nb.jpg,24,16,cat,0,0,5,5\n"


def damaged_pictures(folder: Path, count: int = 2000, seed: int = 0) -> Tally:
    """Decode damaged pictures of every format.

    Args:
        folder: An existing folder for the files.
        count: Number of files.
        seed: Names the damages.
    """
    return survive(small_pictures(), decode, folder, count, seed)


def damaged_boxes(folder: Path, count: int = 2000, seed: int = 0) -> Tally:
    """Read damaged files of boxes, of every format.

    Args:
        folder: An existing folder for the files, without any `.xml` file.
        count: Number of files.
        seed: Names the damages.
    """
    files = {name: text.encode() for name, text in {"a.xml": VOC, "b.json": COCO, "c.csv": TABLE}.items()}
    return survive(files, _read_boxes, folder, count, seed)


def small_pictures() -> dict[str, bytes]:
    """Return a picture in every format and the kinds of pixels that have a reader of their own, by file name."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    colour, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x0112] = 6
    sixteen = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "plain.jpg": (colour, {}),
        "turned.jpg": (colour, {"exif": exif, "progressive": True}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "plain.png": (colour, {}),
        "palette.png": (colour.quantize(16), {"transparency": 3}),
        "sixteen.png": (sixteen, {}),
        "lossy.webp": (colour, {}),
        "lossless.webp": (colour.convert("RGBA"), {"lossless": True, "exif": exif}),
        "plain.tif": (colour, {}),
        "packed.tif": (colour, {"compression": "tiff_lzw"}),
        "deflated.tif": (sixteen, {"compression": "tiff_adobe_deflate"}),
        "plain.gif": (colour.quantize(64), {}),
        "plain.bmp": (colour, {}),
        "palette.bmp": (colour.quantize(16), {}),
        "plain.ppm": (colour, {}),
    }
    kinds |= {"plain.avif": (colour, {})} if features.check("avif") else {}
    kinds |= {"plain.jp2": (colour, {})} if features.check("jpg_2000") else {}
    return {name: _encoded(name, *kind) for name, kind in kinds.items()}


def _encoded(name: str, image: Image.Image, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    buffer.name = name  # Pillow chooses the format by it
    image.save(buffer, **options)
    return buffer.getvalue()


def _read_boxes(path: Path) -> None:
    if path.suffix == ".xml":
        readers: list[Callable[[], object]] = [lambda: read_box(path, SIZE), lambda: read_annotated_boxes(path.parent)]
    else:
        readers = [lambda: read_annotated_boxes(path)]
    for read in readers:
        read()
