"""The fixture of tests that run a whole operator."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from support.operator.kubernetes import serving
from support.operator.making import NAMESPACE
from support.operator.running_operator import Running
from unet_operator.cluster import leader


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Plays a scenario with a running operator; `before` prepares the server."""
    monkeypatch.setattr(leader, "PERIOD", 0.005)

    def free() -> int:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            return found.getsockname()[1]

    def configure(url: str) -> None:
        named = {"name": "x"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "x",
            "contexts": [{**named, "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{**named, "cluster": {"server": url}}],
            "users": [{**named, "user": {}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        monkeypatch.setattr(
            "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path)
        )

    def start(scenario, before=None, **settings):
        async def main():
            async with asyncio.timeout(60), serving() as (server, _):
                configure(server.url)
                for name in ("msd", "results"):
                    meta = {"name": name, "namespace": NAMESPACE}
                    spec = {"accessModes": ["ReadWriteMany"]}
                    await server.put("persistentvolumeclaims", {"metadata": meta, "spec": spec})
                if before is not None:
                    await before(server)
                running = Running(server, settings.pop("port", None) or free(), **settings)
                try:
                    await running.operator.start()
                    await scenario(running)
                finally:
                    await running.operator.close()

        asyncio.run(main())

    return start
