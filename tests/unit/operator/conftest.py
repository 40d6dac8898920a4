"""Property-based tests of the operator: time is not what they are about."""

from hypothesis import settings

settings.register_profile("operator", deadline=None)
settings.load_profile("operator")
