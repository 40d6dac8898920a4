"""Where a pod finds what: each training has folders of its own."""

from __future__ import annotations

from support.operator.making import NAME, OTHER_UID, UID
from unet_operator.api import pod_paths


def test_a_namesake_has_its_own_run_folder():
    assert pod_paths.run_folder(NAME, UID) != pod_paths.run_folder(NAME, OTHER_UID)


def test_a_round_s_folder_is_inside_the_run_folder():
    assert pod_paths.evaluation_folder(NAME, UID, 2) == "/output/brain-1b6ef580/evaluation-2"


def test_mounts_do_not_hide_each_other():
    mounts = [pod_paths.DATA, pod_paths.OUTPUT, pod_paths.CONFIG, pod_paths.SSH]
    assert not [(a, b) for a in mounts for b in mounts if a != b and b.startswith(f"{a}/")]
