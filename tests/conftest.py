"""What every test may ask for; the fixtures themselves live in tests/support."""

import os

import pytest
from hypothesis import settings
from machinelib.proxy import spare_loopback
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from unet.system.tensorflow_import import import_tensorflow

# TensorFlow's greeting, which is kept until a process ends, would follow pytest's closing line.
import_tensorflow()

pytest_plugins = [
    "support.cluster_fixtures",
    "support.data_sets",
    "support.models",
    "support.operator_fixtures",
    "support.throwaway_cluster",
]

# Tests talk to servers of their own, never by way of a proxy.
spare_loopback(os.environ)

# A busy machine is no fault of the code: examples have no time limit.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ON_THE_CLUSTER = ("tests/e2e/", "tests/integration/")
"""Folders whose tests share one cluster, or one API server and operator."""
ON_A_CLUSTER_OF_THEIR_OWN = tuple(
    f"tests/e2e/cluster/test_{name}.py"
    for name in ("control_groups", "down", "errors", "lifecycle", "node", "webhook")
)
"""Those that start one of two nodes (fixture `two_nodes`), and end it."""


class OneCluster(LoadScopeScheduling):
    """Deals tests out to processes: those of a cluster together, others by file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        if file in ON_A_CLUSTER_OF_THEIR_OWN:
            return "own cluster"
        return "cluster" if file.startswith(ON_THE_CLUSTER) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneCluster:
    """What `-n 2` asks for."""
    return OneCluster(config, log)
