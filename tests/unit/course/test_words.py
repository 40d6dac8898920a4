"""Our errors in the course's words."""

from unet.course.words import in_course_words
from unet.system.errors import DataError, DiskError, ExitCode, MemoryShortError


def test_errors_name_the_courses_flags():
    error = in_course_words(MemoryShortError("--patch-size and --batch-size", "too much", "less"))
    assert error.where == "--patch_height, --patch_width, --patch_depth and --bz"
    assert error.code == ExitCode.MEMORY
    spoilt = DataError("a.nii", "truncated", "go on without with --max-bad-cases 1")
    assert in_course_words(spoilt).remedy == "go on without with --max_bad_cases 1"
    full = in_course_words(DiskError("p", "full", "free space or choose another --output"))
    assert full.remedy == "free space or choose another folder"
