"""What every test may ask for; the fixtures themselves live in tests/support."""

import os

from hypothesis import settings
from machinelib.proxy import spare_loopback

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
