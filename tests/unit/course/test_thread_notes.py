"""Flags and variables about threads are answered."""

from support.course import parsed_flags

from unet.course.thread_notes import thread_notes


def test_variables_and_flags_about_threads_are_answered_in_a_line_each():
    environment = {"OMP_NUM_THREADS": "8", "OMP_PROC_BIND": "true", "KMP_BLOCKTIME": "1"}
    assert thread_notes(parsed_flags(), environment) == [
        "8 threads per rank, from OMP_NUM_THREADS",
        "no effect: KMP_BLOCKTIME, OMP_PROC_BIND; TensorFlow's threads are not OpenMP's",
    ]
    own = thread_notes(
        parsed_flags("--intraop_threads=2", "--interop_threads=2", "--blocktime=0"), {}
    )
    assert [line.split(";")[0] for line in own] == [
        "2 threads per rank, from --intraop_threads",
        "no effect: --blocktime",
        "no effect: --interop_threads",
    ]
    assert thread_notes(parsed_flags(), {}) == []
