"""Training over two ranks: what they compute together, and how their runs end and go on."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
from support import tiny

from tests.mpi.test_launch import children, exits, finish, lines_until, rank_wrappers
from unet.system.logfmt import parse_line

pytestmark = pytest.mark.mpi
EPOCHS, STEPS = 6, 4


@pytest.fixture(scope="module")
def folder(cluster, tmp_path_factory):
    """A run of two ranks of which one was killed, and copies of what was left."""
    folder = tmp_path_factory.mktemp("two-ranks")
    tiny.write_dataset(folder / "data")
    for name in ("killed", "undisturbed", "rolled-back"):
        ready(folder, name)
    tiny.make_run(folder / "data", folder / "from-one", ranks=1, steps_per_epoch=STEPS)
    process = launch(cluster, folder)
    said = lines_until(process, f"epoch=1/{EPOCHS} loss")
    (child,) = children(rank_wrappers(folder / "killed")[1])
    os.kill(child, signal.SIGKILL)
    code, rest = finish(process)
    assert code == 13
    assert exits(said + rest)[1]["cause"] == "killed by signal 9"
    shutil.copytree(folder / "killed", folder / "to-one")
    return folder


def ready(folder, name):
    tiny.make_run(folder / "data", folder / name, ranks=2, epochs=EPOCHS, steps_per_epoch=STEPS)


def launch(cluster, folder):
    """The run `killed`, as a user launches it."""
    words = ["train", "--data_path", str(folder / "data"), "--output", str(folder / "killed")]
    options = ("--threads", "1", "--checkpoint-minutes", "1e-9")
    return cluster.launch(*words, *options, modules=False)


def newest(run):
    """Where the newest checkpoint stands."""
    numbered = (path for path in (run / "checkpoints").iterdir() if path.name.isdigit())
    return json.loads((max(numbered, key=lambda path: int(path.name)) / "state.json").read_text())


@pytest.fixture(scope="module")
def left(folder):
    """Where the run of the killed rank stood."""
    return newest(folder / "to-one")


@pytest.fixture(scope="module")
def resumed(cluster, folder):
    """What is said when the run of the killed rank is launched again."""
    code, lines = finish(launch(cluster, folder))
    assert code == 0
    return [fields for line in lines if (fields := parse_line(line))]


@pytest.fixture(scope="module")
def answers(cluster, folder, left, resumed):
    """What two ranks find together, see modules/two_ranks.py."""
    process = cluster.launch("train", "--mode", "runs", "--folder", str(folder))
    code, lines = finish(process)
    assert code == 0
    (line,) = (line for line in lines if line.startswith("answers="))
    return json.loads(line.removeprefix("answers="))


def test_two_ranks_of_one_patch_have_the_gradients_of_one_rank_of_both(answers):
    assert answers["gradients_apart"] < 1e-5


def test_nan_of_one_rank_is_skipped_by_both_and_all_state_stays_equal(answers):
    assert answers["step_with_nan"] == {
        "finite": [[False, True]] * 2,
        "unmoved": [True, True],
        "moved": True,
        "equal": True,
    }


def test_killed_rank_costs_no_more_than_the_time_since_the_last_checkpoint(resumed, left):
    (resume,) = (fields for fields in resumed if fields.get("event") == "resume")
    assert int(resume["step"]) == left["global_step"] >= STEPS


def test_killed_and_launched_again_it_ends_with_the_undisturbed_weights(answers):
    assert answers["resumed"] == answers["undisturbed"]


def test_what_one_rank_left_two_go_on_with_until_one_is_told_to_stop(answers, folder):
    """One rank's epoch has 4 steps, theirs 2; told in step 3, both leave after step 4."""
    assert answers["from_one_rank_until_told_to_stop"] == [[143, 4]] * 2
    end = newest(folder / "from-one")
    assert (end["ranks"], end["epoch"], end["step"], end["global_step"]) == (2, 2, 2, STEPS + 4)


def test_what_two_ranks_left_one_goes_on_with(answers, folder, left):
    end = newest(folder / "to-one")
    done = left["epoch"] * STEPS + left["step"]
    assert (end["epoch"], end["ranks"]) == (EPOCHS, 1)
    assert end["global_step"] == left["global_step"] + 2 * (EPOCHS * STEPS - done)


def test_nan_that_stays_ends_both_ranks_with_11_and_the_cases_names(answers):
    assert answers["rolled_back"] == [[11, True]] * 2
