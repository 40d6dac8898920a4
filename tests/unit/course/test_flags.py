"""Every flag of the original, its default and its later name."""

from pathlib import Path

import pytest
from support.course import parsed_flags

from unet.course.flags import CourseFlags, sets_of
from unet.planning.settings import TrainSettings
from unet.system.errors import UsageError


def test_without_flags_the_originals_defaults_hold():
    flags = parsed_flags()
    assert (flags.lr, flags.epochs, flags.featuremaps, flags.random_seed) == (0.01, 40, 16, 816)
    assert (flags.train_test_split, flags.validate_test_split) == (0.85, 0.5)
    assert (flags.number_input_channels, flags.number_output_classes) == (1, 1)
    assert flags.saved_model == Path("./saved_model/3d_unet_decathlon.hdf5")
    assert flags.data_path == Path("../../data/decathlon/Task01_BrainTumour/")
    assert not flags.use_upsampling
    assert not flags.print_model
    assert flags.model_fields_set == set()


def test_the_flags_of_the_courses_own_line():
    flags = parsed_flags(
        "--bz=4",
        "--patch_height=16",
        "--patch_width=16",
        "--patch_depth=16",
        "--epochs=1",
        "--data_path",
        "./Task01_BrainTumour/",
    )
    assert (flags.bz, flags.patch_size, flags.epochs) == (4, (16, 16, 16), 1)
    assert flags.data_path == Path("Task01_BrainTumour")


def test_every_other_flag_of_the_original_is_taken():
    flags = parsed_flags(
        "--lr=1e-3",
        "--featuremaps=8",
        "--train_test_split=0.8",
        "--validate_test_split=0.4",
        "--intraop_threads=3",
        "--interop_threads=2",
        "--blocktime=0",
        "--keras_api",
        "--use_upsampling",
        "--number_input_channels=4",
        "--print_model",
        "--random_seed=7",
        "--saved_model=m/x.hdf5",
    )
    assert (flags.lr, flags.featuremaps, flags.train_test_split) == (1e-3, 8, 0.8)
    assert (flags.validate_test_split, flags.intraop_threads, flags.blocktime) == (0.4, 3, 0)
    assert (flags.interop_threads, flags.number_input_channels, flags.random_seed) == (2, 4, 7)
    assert (flags.use_upsampling, flags.print_model) == (True, True)
    assert flags.saved_model == Path("m/x.hdf5")


def test_the_later_names_mean_the_same():
    later = parsed_flags(
        "--batch_size=2",
        "--tile_height=32",
        "--tile_width=48",
        "--tile_depth=64",
        "--filters=4",
        "--number_output_classes=1",
        "--saved_model_name=3d_unet_decathlon",
    )
    assert (later.bz, later.patch_size, later.featuremaps) == (2, (32, 48, 64), 4)
    assert later.saved_model == Path("3d_unet_decathlon.hdf5")


def test_one_side_given_leaves_the_others_at_the_courses():
    assert parsed_flags("--patch_depth=128").patch_size == (144, 144, 128)
    assert parsed_flags().patch_size is None


def test_a_flag_may_be_shortened_as_it_could_be():
    assert parsed_flags("--epoch", "3").epochs == 3


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--bz=0"], "--bz: 0, but it should be greater than or equal to 1"),
        (["--patch_width=40"], "--patch_width: 40, but it should be a multiple of 16"),
        (["--train_test_split=1.5"], "--train_test_split: 1.5"),
        (["--lr=nan"], "--lr: nan"),
        (["--number_output_classes=3"], "--labels 1,2,3"),
        (["--saved_model=a.hdf5", "--saved_model_name=b"], "--saved_model_name"),
        (["--batchsize=3"], "did you mean --batch_size?"),
        (["--bz=four"], "invalid int value"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_the_flag(words, named):
    with pytest.raises(UsageError) as caught:
        parsed_flags(*words)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_flag_sets_a_setting_that_there_is():
    names = {sets.setting for name in CourseFlags.model_fields if (sets := sets_of(name))}
    assert names <= set(TrainSettings.model_fields)
    # The rest is accepted, or asks for what is printed: it sets nothing.
    assert {name for name in CourseFlags.model_fields if sets_of(name) is None} == {
        "saved_model_name",
        "number_output_classes",
        "print_model",
        "interop_threads",
        "blocktime",
        "keras_api",
    }
