"""One simulator of Kubernetes for the operator's tests.

`cluster` puts it together; `server` and `serving` put it behind HTTP.  Its rules are said in
words by `support.operator.statements`, which a real API server is asked to keep as well.
"""

from support.operator.kubernetes.answers import (
    break_off,
    hang_up,
    refuse,
    say,
    too_many_requests,
)
from support.operator.kubernetes.cluster import SimulatedCluster
from support.operator.kubernetes.server import ApiServer
from support.operator.kubernetes.serving import client, serving

__all__ = [
    "ApiServer",
    "SimulatedCluster",
    "break_off",
    "client",
    "hang_up",
    "refuse",
    "say",
    "serving",
    "too_many_requests",
]
