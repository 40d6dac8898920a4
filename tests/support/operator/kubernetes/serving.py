"""Puts a simulated API server on loopback, and clients of it or of anybody else there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from kubernetes.aio.client import ApiClient, Configuration

from support.operator.kubernetes.cluster import SimulatedCluster
from support.operator.kubernetes.server import ApiServer
from support.operator.subject import Cluster, TokenBucket


@asynccontextmanager
async def serving(
    bucket: TokenBucket | None = None, *, cluster: SimulatedCluster | None = None
) -> AsyncIterator[tuple[ApiServer, Cluster]]:
    """The API server of a simulated cluster, and a client of it."""
    server = ApiServer(cluster)
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    operators = client(server.url, bucket)
    try:
        yield server, operators
    finally:
        await operators.close()
        await runner.cleanup()


def client(
    url: str,
    bucket: TokenBucket | None = None,
    *,
    count: Callable[[str, str, int], None] = lambda method, plural, status: None,
    timeout: float = 30.0,
) -> Cluster:
    """A client of whoever listens there; `timeout` is in seconds."""
    configuration = Configuration(host=url)
    # Without one of its own each client would read the machine's 140 authorities first.
    configuration.ca_cert_data = _authority()
    return Cluster(ApiClient(configuration), bucket or TokenBucket(1e6, 10**6), count, timeout)


@cache
def _authority() -> str:
    """A certificate that signs nothing."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2120, 1, 1))
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM).decode()
