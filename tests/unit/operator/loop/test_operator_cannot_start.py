"""What the operator needs to begin with, and what it says without it."""

from __future__ import annotations

import asyncio
import socket

import pytest
from support.operator.kubernetes import client
from unet_operator.loop import operator as run
from unet_operator.loop.operator import CannotStart, Operator
from unet_operator.loop.settings import Settings


def test_without_a_cluster_it_cannot_start(tmp_path, monkeypatch):
    missing = str(tmp_path / "absent")
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", missing)

    async def main():
        operator = Operator(Settings(), lambda: None)
        try:
            await operator.start()
        finally:
            await operator.close()

    with pytest.raises(CannotStart, match="KUBECONFIG"):
        asyncio.run(main())


def test_with_an_api_server_that_does_not_answer_it_cannot_start(monkeypatch):
    async def nobody(*_):
        return client("http://127.0.0.1:1")

    monkeypatch.setattr(run, "connect", nobody)

    async def main():
        operator = Operator(Settings(training_image="image:1", port=0), lambda: None)
        try:
            await operator.start()
        finally:
            await operator.close()

    with pytest.raises(CannotStart, match=r"127\.0\.0\.1:1: no answer .* check KUBECONFIG"):
        asyncio.run(main())


def test_with_its_port_taken_it_cannot_start(play):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]

        async def never(running):
            raise AssertionError("it started")

        with pytest.raises(CannotStart, match=f"port {port} .*UNET_OPERATOR_PORT"):
            play(never, port=port)
