"""Predict images that have no label.

Each IMAGE is a NIfTI file, or a folder of them, with the model's channels in their order (or
with all channels of the data set the model was trained on). The prediction is written as
IMAGE_pred.nii.gz, with the image's own affine and header, 0 and 1 or the labels' values.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from unet.cli.evaluate import add_model_arguments
from unet.data.msd import SUFFIXES, case_id
from unet.data.volume import read_image
from unet.inference.prediction_file import read_header, write_volume
from unet.system.errors import DataError, DiskError
from unet.system.start_tensorflow import start_tensorflow

HELP = "write predictions for images that have no label"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    parser.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="NIfTI file, or folder of them"
    )
    add_model_arguments(parser)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="where predictions go"
    )
    parser.add_argument(
        "--save_probabilities",
        "--save-probabilities",
        action="store_true",
        help="also write IMAGE_prob.nii.gz, float32, one volume per output",
    )


def run(args: argparse.Namespace) -> int:
    """Predicts one image after the other."""
    start_tensorflow()
    # These load TensorFlow, whose threads are settled by then.
    from unet.evaluation.postprocess import load_postprocess
    from unet.inference.predictor import Predictor
    from unet.network.saved_model import load_bundle

    files = image_files(args.images)
    bundle = load_bundle(args.saved_model)
    postprocess, target = load_postprocess(bundle.path), bundle.target
    predictors: dict[tuple[int, ...], Predictor] = {}
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError.from_os(args.output, error) from error
    for file in files:
        header = read_header(file)
        count = channels_of(header.get_data_shape())
        picked = pick(file, count, bundle.recipe.channels, bundle.channel_names)
        volume = read_image(file, count, picked)
        if picked not in predictors:
            predictors[picked] = Predictor(
                bundle, picked, backend=args.backend, overlap=args.overlap, mirror=args.mirror
            )
        probabilities = predictors[picked].probabilities(volume, case_id(file))
        masks = postprocess.apply(target.decode(probabilities), target.names)
        path = args.output / f"{case_id(file)}_pred.nii.gz"
        write_volume(path, target.label_map(masks), volume.affine, header)
        if args.save_probabilities:
            beside = args.output / f"{case_id(file)}_prob.nii.gz"
            write_volume(beside, probabilities, volume.affine, header)
        voxels = ", ".join(
            f"{name}: {int(masks[..., i].sum())} voxels" for i, name in enumerate(target.names)
        )
        print(f"{path}  {voxels}", flush=True)
    return 0


def image_files(given: list[Path]) -> list[Path]:
    """The images named, those in folders included; no hidden files.

    Raises:
        DataError: a path does not exist, a folder has no image, or two images share a name.
    """
    files: list[Path] = []
    for path in given:
        inside = [path]
        if path.is_dir():
            inside = sorted(
                p
                for p in path.iterdir()
                if p.name.lower().endswith(SUFFIXES) and not p.name.startswith(".")
            )
            if not inside:
                raise DataError(str(path), "holds no .nii or .nii.gz", "give a folder of images")
        elif not path.is_file():
            raise DataError(str(path), "no such file", "give a NIfTI file or a folder of them")
        files += inside
    names = [case_id(file) for file in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        remedy = "predict them one by one, each into its own --output"
        raise DataError(twice, "two images of that name", remedy)
    return files


def channels_of(shape: tuple[int, ...]) -> int:
    """Channels of a NIfTI file of that shape."""
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return shape[3] if len(shape) > 3 else 1


def pick(
    file: Path, count: int, trained: tuple[int, ...], names: tuple[str, ...]
) -> tuple[int, ...]:
    """Which of a file's channels the model takes.

    Raises:
        DataError: the file has neither the model's channels nor the data set's.
    """
    if count == len(trained):
        return tuple(range(count))
    if count > max(trained):
        return trained
    remedy = f"give images with the channels {', '.join(names)}"
    raise DataError(str(file), f"{count} channels", remedy)
