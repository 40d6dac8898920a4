"""Peak memory of preparing and predicting one large CT, in processes of their own.

    python bench/file_memory.py [--shape 512 512 1000 --labels 11] [--limit-gib 4]

A volume with a body in air is written, then prepared with its label, and predicted with a
stand-in for the network that costs no time: what is measured is reading, preparing, joining
windows, resampling back and decoding. TensorFlow itself adds about 0.5 GiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import PYTHON, parser, run

SPACING = (0.8, 0.8, 1.0)


def write_case(folder: Path, shape: tuple[int, int, int], labels: int) -> None:
    """Writes image.nii and label.nii slab by slab: no whole volume is held here either."""
    import nibabel as nib

    across = np.hypot(*np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j])
    body = (across < 0.8).astype(np.int16)
    for name, kind in (("image", np.int16), ("label", np.uint8)):
        header = nib.Nifti1Header()
        header.set_data_shape(shape)
        header.set_data_dtype(kind)
        header.set_zooms(SPACING)
        header.set_xyzt_units("mm")
        header.set_sform(np.diag([*SPACING, 1.0]), code=1)
        header["vox_offset"], header["magic"] = 352, b"n+1"
        with (folder / f"{name}.nii").open("wb") as stream:
            stream.write(header.binaryblock + bytes(4))
            for plane in _planes(name, body, shape[2], labels):
                stream.write(plane.astype(kind).tobytes(order="F"))


def _planes(name: str, body: np.ndarray, count: int, labels: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for z in range(count):
        if name == "image":
            yield np.where(body > 0, rng.integers(-100, 200, body.shape), -1024)
        else:
            yield body * (1 + z * labels // count)


def probe(stage: str, folder: Path, labels: int, spacing: float) -> None:
    """Runs one stage and prints this process's peak in bytes."""
    from unet.data.preparation import prepare_image, prepare_label, restored
    from unet.data.recipe import CtStats, Recipe
    from unet.data.regions import Region, Target
    from unet.data.volume import read_image, read_label
    from unet.inference.sliding_window import rolling_axis, sliding_rows

    stats = CtStats(low=-200, high=300, mean=50, sd=80)
    recipe = Recipe(scheme="ct", ct_stats=(stats,), spacing=(spacing,) * 3)
    values = tuple(range(1, labels + 1))
    volume = read_image(folder / "image.nii", 1)
    label = read_label(folder / "label.nii", volume, values) if stage == "prepare" else None
    image, record = prepare_image(volume.array, volume.affine, volume.spacing, recipe)
    del volume
    if label is not None:
        prepare_label(label, record)
    if stage == "predict":
        regions = tuple(Region(name=str(value), labels=(value,)) for value in values)
        target = Target(regions=regions, exclusive=True)
        window = (96, 96, 96)

        def network(windows: np.ndarray) -> np.ndarray:
            return np.repeat(windows, target.outputs, axis=-1)

        restored(
            sliding_rows(network, image, window),
            rolling_axis(image.shape[:3], window),
            record,
            lambda row: target.label_map(target.decode(row)),
            np.uint8,
            None,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"stage": stage, "peak_bytes": peak, "prepared": list(image.shape)}))


def main() -> None:
    """Prints each stage's peak and seconds."""
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--shape", type=int, nargs=3, default=(512, 512, 1000))
    add("--labels", type=int, default=11)
    add("--spacing", type=float, default=1.0, help="mm to resample to")
    add("--limit-gib", type=float, default=4.0, help="address space of a stage, beside libraries")
    add("--stage", choices=("prepare", "predict"), help=argparse.SUPPRESS)
    add("--folder", type=Path, help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.stage:
        probe(args.stage, args.folder, args.labels, args.spacing)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_case(Path(folder), tuple(args.shape), args.labels)
        for stage in ("prepare", "predict"):
            words = [PYTHON, __file__, "--stage", stage, "--folder", folder]
            words += ["--labels", str(args.labels), "--spacing", str(args.spacing)]
            done = run(words, 1, int(args.limit_gib * 2**30))
            last = (done.output.strip().splitlines() or [""])[-1]
            print(f"{stage}: code {done.code}, {done.wall:.0f} s, {last}", flush=True)


if __name__ == "__main__":
    main()
