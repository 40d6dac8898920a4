"""What becomes of the course's flags and variables about threads."""

from __future__ import annotations

from collections.abc import Mapping

from unet.course.flags import CourseFlags


def thread_notes(flags: CourseFlags, environment: Mapping[str, str]) -> list[str]:
    """What becomes of flags and variables about threads, a line each."""
    notes = []
    omp = environment.get("OMP_NUM_THREADS", "")
    if flags.intraop_threads:
        notes.append(f"{flags.intraop_threads} threads per rank, from --intraop_threads")
    elif omp.isdigit():
        notes.append(f"{omp} threads per rank, from OMP_NUM_THREADS")
    unused = ["--blocktime"] if "blocktime" in flags.model_fields_set else []
    unused += sorted(
        name
        for name in environment
        if name.startswith(("KMP_", "OMP_")) and name != "OMP_NUM_THREADS"
    )
    if unused:
        notes.append(f"no effect: {', '.join(unused)}; TensorFlow's threads are not OpenMP's")
    if flags.interop_threads not in (None, 1):
        notes.append("no effect: --interop_threads; one operation at a time, so that runs repeat")
    return notes
