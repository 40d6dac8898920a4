"""Our errors in the course's words."""

from __future__ import annotations

from unet.course.flags import CourseFlags, sets_of
from unet.system.errors import UnetError
from unet.system.settings import flag_of

NAMED_IN_ERRORS = ("patch_size", "batch_size", "learning_rate", "max_bad_cases")
"""Settings whose flags our errors and remedies name."""


def course_names(setting: str) -> str:
    """The course's flags that make up one of our settings, with commas."""
    names = []
    for name, field in CourseFlags.model_fields.items():
        sets, flag = sets_of(name), flag_of(field)
        if flag is not None and sets is not None and sets.setting == setting:
            names.append(flag.spellings(name)[0])
    return ", ".join(names)


COURSE_WORDS = {f"--{name.replace('_', '-')}": course_names(name) for name in NAMED_IN_ERRORS} | {
    "--resume never": "another --saved_model",
    "another --output": "another folder",
}
"""Ours → theirs."""


def in_course_words(error: UnetError) -> UnetError:
    """The same error, naming the course's flags."""
    texts = [error.where, error.found, error.remedy]
    for ours, theirs in COURSE_WORDS.items():
        texts = [text.replace(ours, theirs) for text in texts]
    return type(error)(*texts)
