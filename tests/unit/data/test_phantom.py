import json

import nibabel as nib
import numpy as np
import pytest
from support.commands import run_command

from unet.cli import fingerprint as fingerprint_command
from unet.cli import phantom as phantom_command
from unet.data.cache import Cache
from unet.data.channels import pick_channels
from unet.data.msd import load_dataset
from unet.data.phantom import make_phantom
from unet.data.phantom_tasks import TASKS
from unet.data.preflight import run_preflight
from unet.data.preparation import restore
from unet.data.regions import make_target
from unet.data.split import make_split
from unet.data.volume import read_image, read_label
from unet.planning.fingerprint import make_fingerprint
from unet.planning.grid import target_spacing
from unet.planning.recipe import make_recipe
from unet.system.errors import UsageError


@pytest.mark.parametrize("task", TASKS)
def test_every_look_alike_goes_through_the_whole_preparation(tmp_path, task):
    dataset = load_dataset(make_phantom(tmp_path / task, task, cases=1, seed=1))
    every = tuple(range(len(dataset.channels)))
    preflight = run_preflight(dataset, channels=every)
    assert preflight.quarantined == ()
    assert preflight.notices == ()
    fingerprint = make_fingerprint(dataset, every, preflight.facts)
    assert fingerprint.spacing_known
    assert all(sum(case.label_voxels.values()) > 50 for case in fingerprint.cases)
    recipe = make_recipe(fingerprint, target_spacing(fingerprint)).value
    case = dataset.cases[0]
    prepared = Cache(tmp_path / "cache", dataset, recipe).open(case.id)
    assert np.isfinite(prepared.image).all()
    target = make_target(dataset)
    encoded = target.encode(np.asarray(prepared.label)).astype(np.float32)
    found = target.decode(restore(encoded, prepared.record))
    image = read_image(case.image, len(dataset.channels))
    truth = target.region_masks(read_label(case.label, image, tuple(dataset.labels)))
    assert found.shape == truth.shape
    for region in range(len(target.regions)):
        both = (found[..., region] & truth[..., region]).sum()
        assert 2 * both / (found[..., region].sum() + truth[..., region].sum()) > 0.8


def test_the_looks_have_the_traps_of_the_real_files(tmp_path):
    folders = {task: make_phantom(tmp_path / task, task, cases=1) for task in TASKS}
    headers = {t: nib.load(next((f / "imagesTr").iterdir())) for t, f in folders.items()}
    text = json.loads((folders["Task05_Prostate"] / "dataset.json").read_text())
    assert text["training"][0]["image"] == "/imagesTr/prostate_001.nii"
    assert "relase" in text
    assert "modalitiy" in json.loads((folders["Task10_Colon"] / "dataset.json").read_text())
    assert len(headers["Task01_BrainTumour"].shape) == 4
    assert headers["Task05_Prostate"].shape[-1] == 2
    rotation = headers["Task05_Prostate"].affine[:3, :3]
    assert np.abs(rotation[1, 2]) > 0.5
    types = {str(header.get_data_dtype()) for header in headers.values()}
    assert types == {"int16", "int32", "float32", "float64"}
    assert headers["Task08_HepaticVessel"].dataobj.slope == 0.5
    assert len({nib.aff2axcodes(header.affine) for header in headers.values()}) >= 4
    assert len(TASKS) == 11


def test_equal_seeds_give_equal_files(tmp_path):
    def content(folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    first = content(make_phantom(tmp_path / "a", "Task04_Hippocampus", cases=2, seed=3))
    assert first == content(make_phantom(tmp_path / "b", "Task04_Hippocampus", cases=2, seed=3))
    other = content(make_phantom(tmp_path / "c", "Task04_Hippocampus", cases=2, seed=4))
    assert first.keys() == other.keys()
    assert first != other


def test_brain_lesions_are_bright_and_nested(tmp_path):
    dataset = load_dataset(make_phantom(tmp_path / "T", cases=2))
    flair = pick_channels(dataset, None)
    assert [dataset.channels[index] for index in flair] == ["FLAIR"]
    for case in dataset.cases:
        image = read_image(case.image, 4, flair)
        label = read_label(case.label, image, (1, 2, 3))
        array = image.array[..., 0]
        brain = array[(array != 0) & (label == 0)]
        assert np.median(array[label > 0]) > brain.mean() + 1.5 * brain.std()
        assert not (label > 0)[array == 0].any()
    assert make_target(dataset).names == ("whole-tumour",)
    assert len(make_split(dataset, validation_fraction=0.25).training) == 1


def test_nothing_is_overwritten_and_names_are_checked(tmp_path):
    folder = tmp_path / "spleen"
    folder.mkdir()
    assert make_phantom(folder, "Task09_Spleen", cases=1) == folder
    with pytest.raises(UsageError, match="spleen is not empty; choose another"):
        make_phantom(folder, "Task09_Spleen", cases=1)
    with pytest.raises(UsageError, match="did you mean Task04_Hippocampus"):
        make_phantom(tmp_path / "other", "Task04")
    with pytest.raises(UsageError, match="--cases: 0"):
        make_phantom(tmp_path / "other", "Task04_Hippocampus", cases=0)
    assert [path.name for path in tmp_path.iterdir()] == ["spleen"]


def test_the_commands_say_what_they_made_and_found(tmp_path, capsys):
    folder = tmp_path / "phantom"
    assert run_command(phantom_command, "--output", folder, "--cases", 2) == 0
    assert f"train --data_path {folder}" in capsys.readouterr().out
    out = tmp_path / "run"
    assert run_command(fingerprint_command, "--data-path", folder, "--output", out) == 0
    printed = capsys.readouterr().out
    assert "2 cases" in printed
    assert "spacing: 2.5 x 2.5 x 2.5 to 2.5 x 2.5 x 2.5 mm; no resampling needed" in printed
    assert "label 3 enhancing tumour:" in printed
    given = ("--data_path", folder, "--channels", "T2w,FLAIR", "--json")
    assert run_command(fingerprint_command, *given) == 0
    assert json.loads(capsys.readouterr().out)["channel_names"] == ["T2w", "FLAIR"]
    saved = json.loads((out / "fingerprint.json").read_text())
    assert saved["channel_names"] == ["FLAIR"]
