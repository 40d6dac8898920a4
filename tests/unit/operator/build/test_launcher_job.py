"""The launcher: it meets the workers, then runs mpiexec."""

from __future__ import annotations

import itertools

from support.operator.built import containers, context, pod_spec
from support.operator.making import NAME, UID
from unet_operator.build.launcher_job import launcher_job


def test_rendezvous_meets_the_hosts_of_this_attempt_and_tries_what_ranks_will_need():
    box = containers(launcher_job(context(), 3))[0]
    pairs = dict(itertools.pairwise(box["args"]))
    assert pairs["--hostfile"] == "/etc/unet/config/hostfile"
    assert pairs["--data"] == "/data/Task01_BrainTumour"
    assert pairs["--output"] == f"/output/{NAME}-{UID[:8]}"
    (volume,) = [
        v for v in pod_spec(launcher_job(context(), 3))["volumes"] if v["name"] == "config"
    ]
    assert volume["configMap"]["name"] == f"{NAME}-config-3"


def test_how_mpiexec_starts_hosts_is_left_to_unet_launch():
    """docs/contract.md: it keeps the start flat, whatever the number of workers."""
    for each in containers(launcher_job(context(), 1)):
        assert not [variable for variable in each["env"] if variable["name"].startswith("I_MPI")]
