"""The integration tests need an API server; they take the end-to-end tests' cluster."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

from cluster_fixtures import kubectl, namespace  # noqa: F401 - pytest finds them here
