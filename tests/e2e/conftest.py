"""Fixtures of the end-to-end tests; see cluster_fixtures.py."""

from cluster_fixtures import kubectl, namespace  # noqa: F401 - pytest finds them here
