"""What may change between two lives of a run, and what becomes of its position."""

from pathlib import Path

import pytest
from support import tiny
from support.fingerprints import plan_for, same_cases

from unet.planning.network import course_spec
from unet.planning.plan import Plan
from unet.system.errors import UsageError
from unet.system.machine import Machine
from unet.training.resume import adapted, carried_over, first_position, require_same_settings

MACHINE = Machine(cores=2, memory_bytes=2**33, bfloat16=True)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    run = tiny.make_run(tiny.write_dataset(folder / "data", cases=2), folder / "run")
    plan = Plan.model_validate_json((run / "plan.json").read_text())
    return plan.model_copy(update={"steps_per_epoch": 40, "batch_size": 4, "micro_batch": 2})


def config(**changes):
    return tiny.train_config(Path("data"), Path("run"), **changes)


def test_more_ranks_share_an_epochs_patches(plan):
    two = adapted(plan, config(), ranks=2, machine=MACHINE)
    assert (two.ranks, two.batch_size, two.steps_per_epoch) == (2, 4, 20)


def test_halved_batch_keeps_an_epochs_patches_and_the_network(plan):
    less = adapted(plan, config(batch_size=1, patch_size=(8, 8, 8)), ranks=1, machine=MACHINE)
    assert (less.batch_size, less.micro_batch, less.steps_per_epoch) == (1, 1, 160)
    assert (less.patch_size, less.network) == ((8, 8, 8), plan.network)


def test_patch_is_rounded_to_what_the_runs_network_takes_and_that_is_said(plan):
    made = adapted(plan, config(patch_size=(9, 8, 8)), ranks=1, machine=MACHINE)
    assert made.patch_size == (10, 8, 8)
    said = "patch 9x8x8 rounded up to 10x8x8 for 2 levels"
    assert made.reasons == (*plan.reasons, said)
    assert adapted(plan, config(), ranks=1, machine=MACHINE).reasons == plan.reasons


def test_the_command_that_made_a_rounded_plan_goes_on_with_it():
    first = plan_for(same_cases((128, 128, 128)), patch_size=(90, 90, 90))
    again = adapted(first, config(patch_size=(90, 90, 90)), ranks=1, machine=MACHINE)
    assert again.patch_size == first.patch_size == (96, 96, 96)


def test_patch_that_does_not_suit_the_courses_network_is_refused(plan):
    course = plan.model_copy(update={"network": course_spec(1, 1, 4, upsampling=False)})
    with pytest.raises(UsageError, match="90,96,96 for a network that needs multiples of 16,16,16"):
        adapted(course, config(patch_size=(90, 96, 96)), ranks=1, machine=MACHINE)


def test_position_keeps_its_place_within_an_epoch(plan):
    own = first_position(plan, config())
    found = own.model_copy(
        update={
            "epoch": 2,
            "step": 30,
            "global_step": 110,
            "losses": 30.0,
            "epochs": 9,
        }
    )
    half = own.model_copy(update={"steps_per_epoch": 20, "ranks": 2})
    moved = carried_over(found, half, keep_epochs=True)
    assert (moved.epoch, moved.step, moved.global_step, moved.losses) == (2, 15, 110, 15.0)
    assert (moved.ranks, moved.epochs) == (2, 9)
    assert carried_over(found, own, keep_epochs=True) == found
    assert carried_over(found, own, keep_epochs=False).epochs == own.epochs


def test_a_setting_that_an_older_release_did_not_know_had_its_default():
    given = config().identity()
    older = {name: value for name, value in given.items() if name not in ("network", "mirror")}
    require_same_settings("there", older, given)
    require_same_settings("there", given, older | {"network": "planned"})
    with pytest.raises(UsageError, match="--network: course, but there was written with planned"):
        require_same_settings("there", older, config(network="course").identity())


def test_a_run_that_was_done_is_extended_from_where_it_ended(plan):
    own = first_position(plan, config(epochs=9)).model_copy(update={"epochs": 9})
    done = own.model_copy(update={"epoch": 3, "epochs": 3})
    assert carried_over(done, own, keep_epochs=False).extended_at == 3
    assert carried_over(done, own, keep_epochs=True).extended_at is None
    halfway = own.model_copy(update={"epoch": 2, "epochs": 3})
    assert carried_over(halfway, own, keep_epochs=False).extended_at is None


def test_differing_setting_is_named_with_both_values():
    before, now = config(learning_rate=0.1), config(learning_rate=0.2)
    with pytest.raises(UsageError, match=r"--learning-rate: 0.2, but c was written with 0.1"):
        require_same_settings("c", before.identity(), now.identity())
    with pytest.raises(UsageError, match="--region: nothing given, but c was written with x"):
        require_same_settings("c", config(region="x").identity(), config().identity())


def test_what_the_cluster_changes_between_attempts_is_free():
    before = config(batch_size=2, patch_size=(32, 32, 32), threads=4, attempt=1, epochs=3)
    now = config(batch_size=1, patch_size=(16, 16, 16), threads=2, attempt=2, epochs=5)
    require_same_settings("c", before.identity(), now.identity())


def test_bfloat16_gives_way_to_float32_where_the_cpu_has_it_no_more(plan):
    narrow = plan.model_copy(update={"precision": "bfloat16"})
    without = MACHINE.model_copy(update={"bfloat16": False})
    assert adapted(narrow, config(), 1, MACHINE).precision == "bfloat16"
    assert adapted(narrow, config(), 1, without).precision == "float32"
    asked = config(precision="bfloat16")
    assert adapted(narrow, asked, 1, without).precision == "bfloat16"
