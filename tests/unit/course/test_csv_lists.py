"""train.csv, validate.csv and test.csv."""

from support.course import described_dataset

from unet.course.csv_lists import list_text
from unet.data.split import make_split


def test_the_lists_are_the_originals_image_comma_label_sorted_and_headless():
    data = described_dataset()
    split = make_split(data, "course")
    lines = list_text(split, "validation", data).splitlines()
    assert len(lines) == 36
    assert lines == sorted(lines)
    assert "/d/imagesTr/c294.nii.gz,/d/labelsTr/c294.nii.gz" in lines
    assert len(list_text(split, "training", data).splitlines()) == 411
    assert len(list_text(split, "test", data).splitlines()) == 37
