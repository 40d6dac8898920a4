"""Where the API server is, and who we are to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException

from unet_operator.cluster.client import Cluster
from unet_operator.cluster.errors import NoClusterError
from unet_operator.cluster.rate_limit import TokenBucket
from unet_operator.cluster.transport import Count

# The client's configuration loaders are untyped.
_load_service_account: Callable[..., None] = config.load_incluster_config
_load_kubeconfig: Callable[..., Awaitable[None]] = config.load_kube_config


async def connect(qps: float, burst: int, count: Count) -> Cluster:
    """Connects with the pod's service account, else with KUBECONFIG.

    Raises:
        NoClusterError: neither is there.
    """
    configuration = Configuration()
    try:
        _load_service_account(client_configuration=configuration)
    except ConfigException:
        try:
            await _load_kubeconfig(client_configuration=configuration)
        except ConfigException as error:
            raise NoClusterError(str(error)) from error
    # A failed request is for the work queue to repeat, which knows whether it still matters.
    configuration.retries = None
    return Cluster(ApiClient(configuration), TokenBucket(qps, burst), count)
