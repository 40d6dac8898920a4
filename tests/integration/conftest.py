"""The integration tests need an API server; they take the end-to-end tests' cluster."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "e2e")]

from cluster_fixtures import kubectl, namespace  # noqa: F401, E402 - pytest finds them here
