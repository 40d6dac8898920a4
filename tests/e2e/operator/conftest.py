"""Fixtures of the operator's end-to-end tests; see operator_fixtures.py."""

from operator_fixtures import ground, operator  # noqa: F401 - pytest finds them here
