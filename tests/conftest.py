"""What every test may ask for; the fixtures themselves live in tests/support."""

from hypothesis import settings

pytest_plugins = [
    "support.cluster_fixtures",
    "support.data_sets",
    "support.models",
    "support.operator_fixtures",
    "support.throwaway_cluster",
]

# A busy machine is no fault of the code: examples have no time limit.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
