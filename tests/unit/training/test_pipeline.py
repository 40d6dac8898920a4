"""Which plan a life of a run follows, and which it refuses."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from support import tiny

from unet.data.msd import load_dataset
from unet.parallel.solo import Solo
from unet.planning.fingerprint import Fingerprint
from unet.planning.plan import Plan
from unet.system.errors import DataError, PeerLostError, UsageError
from unet.system.progress import Reporter
from unet.training import pipeline
from unet.training.pipeline import plan_only
from unet.training.run_files import read_plan


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_dataset(tmp_path_factory.mktemp("prepare") / "data", cases=3)


def made_for(config):
    """Leaves a plan in the run folder that was made for these settings."""
    file = tiny.make_run(config.data_path, config.output) / "plan.json"
    plan = Plan.model_validate_json(file.read_text())
    file.write_text(plan.model_copy(update={"settings": config.identity()}).model_dump_json())


def test_plan_made_for_the_same_settings_is_followed(data, tmp_path):
    config = tiny.train_config(data, tmp_path, filters=4)
    made_for(config)
    assert read_plan(tmp_path, config).settings == config.identity()
    again = config.model_copy(update={"attempt": 2, "epochs": 9, "resume": "never"})
    assert read_plan(tmp_path, again) is not None


def test_plan_of_a_release_that_knew_fewer_settings_is_followed_and_mirrors(data, tmp_path):
    config = tiny.train_config(data, tmp_path)
    made_for(config)
    content = json.loads((tmp_path / "plan.json").read_text())
    del content["mirror_axes"], content["settings"]["mirror"]
    (tmp_path / "plan.json").write_text(json.dumps(content))
    assert read_plan(tmp_path, config).mirror_axes == (0,)
    with pytest.raises(UsageError, match="--mirror: none"):
        read_plan(tmp_path, config.model_copy(update={"mirror": "none"}))


def test_plan_made_for_others_is_refused_by_name_or_made_anew(data, tmp_path):
    made_for(tiny.train_config(data, tmp_path, filters=4))
    other = tiny.train_config(data, tmp_path, filters=8)
    with pytest.raises(UsageError, match=r"--filters: 8, but .*plan\.json was written with 4"):
        read_plan(tmp_path, other)
    assert read_plan(tmp_path, other.model_copy(update={"resume": "never"})) is None


@pytest.mark.parametrize("name", ["plan.json", "fingerprint.json"])
def test_damaged_file_of_the_run_is_named(data, tmp_path, name):
    tiny.make_run(data, tmp_path)
    (tmp_path / name).write_text("{")
    with pytest.raises(DataError, match=rf"{name}: Invalid JSON: .*; remove it"):
        plan_only(tiny.train_config(data, tmp_path), Solo(), Reporter())


def test_older_attempt_writes_nothing_into_the_run(data, tmp_path):
    tiny.make_run(data, tmp_path)
    (tmp_path / "fence").write_text("2\n")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(PeerLostError, match="attempt 2 has this run"):
        plan_only(tiny.train_config(data, tmp_path, attempt=1), Solo(), Reporter())
    assert sorted(tmp_path.iterdir()) == before


def test_plan_is_kept_as_made_while_a_life_adapts_it(data, tmp_path):
    tiny.make_run(data, tmp_path)
    before = (tmp_path / "plan.json").read_text()
    plan = plan_only(tiny.train_config(data, tmp_path, batch_size=2), Solo(), Reporter())
    assert (plan.batch_size, plan.steps_per_epoch) == (2, 2)
    assert (tmp_path / "plan.json").read_text() == before


def test_case_that_comes_between_two_lives_is_refused_or_the_run_begins_anew(tmp_path):
    run = tiny.make_run(tiny.write_dataset(tmp_path / "data", cases=2), tmp_path / "run")
    data = tiny.write_dataset(tmp_path / "data", cases=3)
    with pytest.raises(UsageError, match=r"of other cases than .* such as case_2"):
        plan_only(tiny.train_config(data, run), Solo(), Reporter())
    plan_only(tiny.train_config(data, run, resume="never"), Solo(), Reporter())
    found = Fingerprint.model_validate_json((run / "fingerprint.json").read_text())
    assert len(found.cases) == 3


def test_labels_that_the_grid_loses_are_named(data, capsys):
    dataset = load_dataset(data)
    words = pipeline._lost_words(SimpleNamespace(lost={2: 3}, shape=(4, 5, 6)))
    losses = {case.id: words for case in dataset.cases[1:]}
    pipeline._warn_of_lost_labels(dataset, losses, Reporter())
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert "labelsTr/case_1.nii.gz" in said[0]
    assert 'cause="label 2 (3 voxels) is lost on the grid of 4x5x6 voxels"' in said[0]
    any_case = SimpleNamespace(case=lambda _: dataset.cases[1])
    pipeline._warn_of_lost_labels(any_case, {str(n): words for n in range(8)}, Reporter())
    assert "so are labels of 3 more cases" in capsys.readouterr().out.splitlines()[-1]
