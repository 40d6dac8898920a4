"""What every test may ask for; the fixtures themselves live in tests/support."""

import os

import pytest
from hypothesis import settings
from machinelib.proxy import spare_loopback
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

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

ONE_AFTER_THE_OTHER = ("tests/e2e/", "tests/integration/")
"""Folders whose tests share one cluster, or one API server and operator."""


class OneCluster(LoadScopeScheduling):
    """Deals tests out to processes: those of the cluster to one of them, others by file."""

    def _split_scope(self, nodeid: str) -> str:
        return "cluster" if nodeid.startswith(ONE_AFTER_THE_OTHER) else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneCluster:
    """What `-n 2` asks for."""
    return OneCluster(config, log)
