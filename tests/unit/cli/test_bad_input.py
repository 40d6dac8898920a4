"""Every bad input of docs/data.md, by the commands themselves: code, one line, nothing left.

The line names the file or flag, what was found, and what to do.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from support import tiny
from support.answers import Answer

from unet.cli.main import main
from unet.data.msd import load_dataset
from unet.data.split import make_split
from unet.network.model import build_network
from unet.network.saved_model import About, save_model
from unet.planning.plan import Plan
from unet.system.errors import ExitCode
from unet.system.threads import use_threads

use_threads(1)  # before TensorFlow's first operation in this process

IMAGE, LABEL = "imagesTr/case_1.nii.gz", "labelsTr/case_1.nii.gz"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return tiny.write_dataset(tmp_path_factory.mktemp("sound") / "data")


@pytest.fixture
def data(sound, tmp_path):
    """A data set of five cases, to be spoilt."""
    return Path(shutil.copytree(sound, tmp_path / "data"))


@pytest.fixture(scope="module")
def model(sound, tmp_path_factory):
    """An untrained model of the data set, in a file of its own."""
    run = tiny.make_run(sound, tmp_path_factory.mktemp("model"))
    plan = Plan.model_validate_json((run / "plan.json").read_text())
    about = About(
        plan=plan,
        split=make_split(load_dataset(sound)),
        dataset_name="Tiny",
        channel_names=("MR0",),
    )
    network = plan.network.model_copy(update={"supervised_levels": 1})
    save_model(run / "m.hdf5", about, build_network(network).get_weights())
    return run / "m.hdf5"


def described(data, **changes):
    """Changes keys of dataset.json; None removes one."""
    content = json.loads((data / "dataset.json").read_text()) | changes
    content = {key: value for key, value in content.items() if value is not None}
    (data / "dataset.json").write_text(json.dumps(content))


def listed(data):
    return json.loads((data / "dataset.json").read_text())["training"]


def rewritten(file, change, affine=None):
    """Writes a volume again, changed, on its own or another affine."""
    stored = nib.load(file)
    image = nib.Nifti1Image(change(np.asarray(stored.dataobj)), stored.affine)
    if affine is not None:
        image = nib.Nifti1Image(image.dataobj, affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, file)


def with_voxel(value, dtype=np.float32):
    def change(array):
        array = array.astype(dtype)
        array[3, 4, 5] = value
        return array

    return change


def cut(data, file):
    content = (data / file).read_bytes()
    (data / file).write_bytes(content[: len(content) * 2 // 3])


def flipped(data):
    content = bytearray((data / IMAGE).read_bytes())
    content[len(content) // 2] ^= 4
    (data / IMAGE).write_bytes(bytes(content))


def unlisted(data):
    training = listed(data)
    del training[1]["label"]
    described(data, training=training)


CASES = {
    "missing image": (lambda d: (d / IMAGE).unlink(), IMAGE, "no such file", "dataset.json"),
    "missing label": (lambda d: (d / LABEL).unlink(), LABEL, "no such file", "dataset.json"),
    "image without label": (unlisted, IMAGE, "no label", "add its label"),
    "empty file": (lambda d: (d / IMAGE).write_bytes(b""), IMAGE, "empty file", "again"),
    "truncated gzip": (lambda d: cut(d, IMAGE), IMAGE, "truncated gzip", "again"),
    "truncated label": (lambda d: cut(d, LABEL), LABEL, "truncated gzip", "again"),
    "flipped bit": (flipped, IMAGE, "damaged gzip", "again"),
    "no NIfTI": (
        lambda d: (d / IMAGE).write_text("<html>404</html>" * 50),
        IMAGE,
        "not a NIfTI file",
        "again",
    ),
    "NaN": (
        lambda d: rewritten(d / IMAGE, with_voxel(np.nan)),
        IMAGE,
        "1 NaN or infinite voxels of 5760",
        "repair the image",
    ),
    "Inf": (
        lambda d: rewritten(d / IMAGE, with_voxel(np.inf)),
        IMAGE,
        "1 NaN or infinite voxels of 5760",
        "repair the image",
    ),
    "other shape": (
        lambda d: rewritten(d / LABEL, lambda label: label[:-1]),
        LABEL,
        "shape 19x18x16, but its image has 20x18x16",
        "pair the label",
    ),
    "other affine": (
        lambda d: rewritten(d / LABEL, np.array, np.diag([2.0, 1, 1, 1])),
        LABEL,
        "affine: its affine is 19.0 voxels off",
        "copy the image's affine",
    ),
    "label not in dataset.json": (
        lambda d: rewritten(d / LABEL, with_voxel(9, np.uint8)),
        LABEL,
        "label value 9 not in dataset.json",
        "its labels are 0, 1",
    ),
    "float label": (
        lambda d: rewritten(d / LABEL, with_voxel(0.4)),
        LABEL,
        "label value 0.4, no integer",
        "store integer labels",
    ),
    "NaN label": (
        lambda d: rewritten(d / LABEL, with_voxel(np.nan)),
        LABEL,
        "NaN or infinite label",
        "repair the label",
    ),
    "other channels": (
        lambda d: rewritten(d / IMAGE, lambda image: np.stack([image, image], -1)),
        IMAGE,
        "2 channels",
        "modality lists 1",
    ),
}


@pytest.mark.parametrize(("spoil", "file", "found", "remedy"), CASES.values(), ids=CASES)
def test_a_bad_case_is_named_quarantined_and_may_be_left_out(
    answer, data, tmp_path, spoil, file, found, remedy
):
    spoil(data)
    out = tmp_path / "out"
    command = ["preflight", "--data_path", data, "--output", out]
    allowed = "or go on without with --max-bad-cases 1"
    answer(*command).refuses(ExitCode.DATA, data / file, found, remedy, allowed)
    (entry,) = json.loads((out / "quarantine.json").read_text())["quarantined"]
    assert (entry["case"], entry["file"]) == ("case_1", str(data / file))
    assert [path.name for path in out.iterdir()] == ["quarantine.json"]
    assert answer(*command, "--max-bad-cases", 1).code == 0
    if found == "no label":  # a fingerprint needs none
        return
    whole = ["fingerprint", "--data_path", data, "--output", tmp_path / "facts"]
    answer(*whole).refuses(ExitCode.DATA, data / file, found, remedy)
    assert not (tmp_path / "facts").exists()


def test_training_stops_before_its_first_step_and_leaves_no_half_case(answer, data, tmp_path):
    cut(data, IMAGE)
    run = tmp_path / "run"
    command = ["train", "--data_path", data, "--output", run, "--threads", 1, "--epochs", 1]
    answer(*command).refuses(ExitCode.DATA, data / IMAGE, "truncated gzip", "--max-bad-cases 1")
    left = {path.name for path in run.iterdir()}
    assert left <= {"config.json", "quarantine.json", "log.jsonl"}


def test_with_json_stdout_is_the_result_even_of_a_failure(data, tmp_path, capsys):
    cut(data, IMAGE)
    code = main(["preflight", "--data_path", str(data), "--output", str(tmp_path), "--json"])
    said = capsys.readouterr()
    assert (code, json.loads(said.out)["quarantined"][0]["case"]) == (ExitCode.DATA, "case_1")
    assert "event=error code=10" in said.err


def test_as_many_bad_cases_as_allowed_are_trained_without(answer, data, tmp_path):
    run = tiny.make_run(data, tmp_path / "run")
    (run / "fingerprint.json").unlink()  # of the sound data set; its plan may stay
    cut(data, IMAGE)
    words = ["train", "--data_path", data, "--output", run, "--threads", 1, "--epochs", 1]
    assert answer(*words, "--max-bad-cases", 1).code == 0
    split = json.loads((run / "split.json").read_text())
    assert sorted(split["training"] + split["validation"]) == [
        "case_0",
        "case_2",
        "case_3",
        "case_4",
    ]
    assert (run / "model" / "3d_unet_decathlon.hdf5").is_file()


def every(data, spoil):
    for number in range(5):
        spoil(data, number)


SETS = {
    "no dataset.json": (
        lambda d: (d / "dataset.json").unlink(),
        "no such file",
        "give the folder that holds",
    ),
    "not JSON": (lambda d: cut(d, "dataset.json"), "not JSON", "unpack the data set again"),
    "no labels": (lambda d: described(d, labels=None), "labels: missing", "write it as"),
    "no modality": (lambda d: described(d, modality=None), "modality: missing", "write it as"),
    "training no list": (lambda d: described(d, training={"a": 1}), "training: a dict", "a list"),
    "one case only": (
        lambda d: described(d, training=listed(d)[:1]),
        "no training case left after the split",
        "add cases",
    ),
}


@pytest.mark.parametrize("command", ["train", "plan"])
@pytest.mark.parametrize(("spoil", "found", "remedy"), SETS.values(), ids=SETS)
def test_a_bad_dataset_json_is_refused_before_anything_is_made(
    answer, data, tmp_path, command, spoil, found, remedy
):
    spoil(data)
    words = [command, "--data_path", data, "--output", tmp_path / "run"]
    answer(*words).refuses(ExitCode.DATA, f"{data}/dataset.json", found, remedy)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (
            lambda d, n: (d / f"imagesTr/case_{n}.nii.gz").write_bytes(b""),
            ["case_0.nii.gz: an empty file (and 4 more bad cases); copy or download"],
        ),
        (
            lambda d, n: rewritten(d / f"labelsTr/case_{n}.nii.gz", np.zeros_like),
            ["every mask is empty (5 cases); give labels"],
        ),
    ],
)
def test_a_data_set_that_teaches_nothing_is_refused(answer, data, tmp_path, spoil, parts):
    every(data, spoil)
    said = answer("preflight", "--data_path", data, "--output", tmp_path / "out")
    said.refuses(ExitCode.DATA, *parts)
    assert "go on without" not in said.line  # there would be nothing left


def test_one_empty_mask_is_noted_and_used(answer, data, tmp_path):
    rewritten(data / LABEL, np.zeros_like)
    assert answer("preflight", "--data_path", data, "--output", tmp_path).code == 0
    notices = json.loads((tmp_path / "quarantine.json").read_text())["notices"]
    assert [(n["case"], n["found"]) for n in notices] == [("case_1", "the mask is empty")]


def test_a_quarantine_that_takes_every_training_case_is_refused(answer, data, tmp_path):
    split = make_split(load_dataset(data), "kfold", folds=2)
    for case in split.training:
        (data / f"imagesTr/{case}.nii.gz").write_bytes(b"")
    words = ["train", "--data_path", data, "--output", tmp_path / "run", "--threads", 1]
    words += ["--split", "kfold"]
    said = answer(*words, "--folds", 2, "--max-bad-cases", 5)
    said.refuses(ExitCode.DATA, "no training case left", "add cases")


def test_what_dataset_json_does_not_name_is_refused_with_what_it_does(answer, data, tmp_path):
    words = ["train", "--data_path", data, "--output", tmp_path / "run", "--threads", 1]
    usage = ExitCode.USAGE
    answer(*words, "--channels", "T1").refuses(usage, "--channels: no modality 'T1'", "MR0")
    answer(*words, "--region", "bal1").refuses(usage, "no region 'bal1'", "did you mean ball1?")
    answer(*words, "--labels", 2).refuses(usage, "--labels: label 2", "1 (ball1)")
    answer(*words, "--split", "kfold", "--folds", 6).refuses(usage, "--folds: 6 for 5 cases")
    assert not (tmp_path / "run").exists()


def test_a_patch_larger_than_memory_is_refused_with_both_figures(answer, data, tmp_path):
    words = ["train", "--data_path", data, "--output", tmp_path / "run", "--threads", 1]
    words += ["--patch-size", 4096]
    answer(*words).refuses(
        ExitCode.MEMORY, "--patch-size: one patch of 4096x4096x4096 needs about", "give a smaller"
    )
    assert not (tmp_path / "run" / "cache").exists()
    assert not (tmp_path / "run" / "plan.json").exists()


def test_resuming_with_other_settings_is_refused_with_both_values(answer, data, tmp_path):
    run = tiny.make_run(data, tmp_path / "run")
    words = ["train", "--data_path", data, "--output", run, "--threads", 1, "--epochs", 1]
    assert answer(*words).code == 0
    made = (run / "model" / "3d_unet_decathlon.hdf5").read_bytes()
    answer(*words, "--seed", 5).refuses(
        ExitCode.USAGE, "--seed: 5, but", "was written with 816", "--resume never"
    )
    described(data, labels={"0": "background", "1": "liver"})
    answer(*words).refuses(ExitCode.USAGE, "made for other regions (ball1 and liver)", "--output")
    assert (run / "model" / "3d_unet_decathlon.hdf5").read_bytes() == made


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            {"labels": {"0": "background", "1": "liver"}, "name": "Other"},
            "no region 'ball1' in Other: the model was trained on Tiny",
        ),
        ({"modality": {"0": "CT"}}, "no modality 'MR0': the model was trained on Tiny"),
    ],
)
def test_a_model_of_another_task_is_refused(answer, data, model, tmp_path, changes, found):
    described(data, **changes)
    out = tmp_path / "out"
    words = ["evaluate", "--data_path", data, "--saved_model", model, "--output", out]
    answer(*words, "--cases", "all").refuses(
        ExitCode.DATA, f"{data}/dataset.json", found, "give data of the model's own task"
    )
    assert not out.exists()


def test_what_is_no_model_is_refused(answer, data, tmp_path):
    words = ["evaluate", "--data_path", data, "--output", tmp_path / "out", "--saved_model"]
    answer(*words, tmp_path / "no").refuses(ExitCode.DATA, f"{tmp_path}/no: no model there")
    (tmp_path / "m.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    answer(*words, tmp_path / "m.hdf5").refuses(ExitCode.DATA, "m.hdf5: damaged", "train again")


def test_a_bad_image_to_predict_is_refused(answer, data, model, tmp_path):
    cut(data, IMAGE)
    words = ["predict", "--saved_model", model, "--output", tmp_path / "out"]
    answer(*words, data / IMAGE).refuses(ExitCode.DATA, data / IMAGE, "truncated gzip")
    answer(*words, data / "labels").refuses(ExitCode.DATA, f"{data}/labels: no such file")
    rewritten(data / "imagesTr/case_2.nii.gz", lambda image: image[..., 0])
    answer(*words, data / "imagesTr/case_2.nii.gz").refuses(ExitCode.DATA, "shape 20x18")
    assert not list((tmp_path / "out").glob("*"))


DISKS = """
set -e
cd "$0"
mkdir -m 555 theirs
chmod 555 mine
for disk in full scarce; do
    mkdir $disk
    mount -t tmpfs -o size=256k none $disk
    cp -r seed $disk/run
    dd if=/dev/zero of=$disk/others bs=4k status=none 2>/dev/null || true
done
truncate --size=-64k scarce/others
setpriv --bounding-set=-dac_override,-dac_read_search "$@"
find theirs full scarce -type f > left
"""


@dataclass(frozen=True)
class Disks:
    """What the commands answered whose output was `theirs`, on a `full` or a `scarce` disk."""

    root: Path
    answers: dict[str, dict[str, Answer]]
    left: tuple[Path, ...]


@pytest.fixture(scope="module")
def disks(answers_in, sound, model, tmp_path_factory):
    """Runs every command that writes on real disks that will not have it.

    All in one process, because loading TensorFlow is what takes time. Root writes everywhere
    by two capabilities; without them it is a user like any other. The disks are mounted where
    nobody else sees them.
    """
    root = tmp_path_factory.mktemp("disks")
    tiny.make_run(sound, root / "seed")
    shutil.copytree(root / "seed", root / "mine")

    def writers(out, run):
        score = ["--data_path", sound, "--saved_model", model, "--output", out / "e"]
        return {
            "preflight": ["preflight", "--data_path", sound, "--output", out / "a"],
            "fingerprint": ["fingerprint", "--data_path", sound, "--output", out / "b"],
            "phantom": ["phantom", "--output", out / "c", "--cases", 1],
            "train": ["train", "--data_path", sound, "--output", run, "--threads", 1],
            "evaluate": ["evaluate", *score, "--cases", "all"],
            "predict": ["predict", sound / IMAGE, *score[2:]],
        }

    lines = {
        "theirs": writers(root / "theirs", root / "mine"),
        "full": writers(root / "full", root / "full" / "run"),
        "scarce": {"train": writers(root / "scarce", root / "scarce" / "run")["train"]},
    }
    flat = [line for commands in lines.values() for line in commands.values()]
    prefix = ["unshare", "--mount", "sh", "-c", DISKS, str(root)]
    found = iter(answers_in(prefix, *flat))
    answers = {disk: {name: next(found) for name in commands} for disk, commands in lines.items()}
    left = tuple(root / line for line in (root / "left").read_text().splitlines())
    return Disks(root, answers, left)


def test_an_output_that_may_not_be_written_is_named(disks):
    for name, said in disks.answers["theirs"].items():
        where = disks.root / ("mine" if name == "train" else "theirs")
        said.refuses(ExitCode.DISK, where, "Permission denied", "choose another --output")


def test_a_full_disk_is_named(disks):
    for said in disks.answers["full"].values():
        said.refuses(ExitCode.DISK, disks.root / "full", "No space left", "free space or choose")


def test_a_disk_that_fills_up_keeps_only_whole_files(disks):
    said = disks.answers["scarce"]["train"]
    said.refuses(ExitCode.DISK, disks.root / "scarce" / "run", "No space left on device")
    names = {part for path in disks.left for part in path.relative_to(disks.root).parts}
    assert not [name for name in names if name.startswith(".")]
    entries = {path.parent for path in disks.left if path.name == "image.npy"}
    assert entries  # a few cases found room
    assert all(entry / "record.json" in disks.left for entry in entries)


@pytest.mark.parametrize("shape", [(7, 7, 7), (5, 4, 1)])
def test_volumes_under_eight_voxels_are_planned_and_trained(answer, maker, tmp_path, shape):
    for index in range(4):
        label = np.zeros(shape, np.uint8)
        label[0, 0, 0], label[-1, -1, -1] = 1, 2
        maker.case(f"c{index}", image=maker.image(shape, index), label=label)
    words = ["--data_path", maker.root, "--output", tmp_path / "run", "--threads", 1]
    assert answer("plan", *words).code == 0
    words += ["--epochs", 1, "--batch-size", 1]
    assert answer("train", *words, "--resume", "never").code == 0
