"""The frame: kopf starts and stops us and watches UNetTrainings.  The only file that knows it.

Only `on.event` is used: it writes no annotation and no finalizer, so that uninstalling the
operator or deleting a namespace never hangs on it.  All else goes through the queue.
"""

from __future__ import annotations

import asyncio
import os
import sys

import kopf

from unet_operator.api.schema import GROUP, PLURAL, VERSION
from unet_operator.loop import logs
from unet_operator.loop.operator import CannotStart, Operator
from unet_operator.loop.settings import Settings, from_environment


def registry(operator: Operator) -> kopf.OperatorRegistry:
    """Binds the operator's parts to kopf's events."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(settings: kopf.OperatorSettings, **_: object) -> kopf.ConnectionInfo | None:
        in_pod = kopf.login_with_service_account(settings=settings)
        return in_pod or kopf.login_with_kubeconfig(settings=settings)

    @kopf.on.startup(registry=handlers)
    async def startup(settings: kopf.OperatorSettings, **_: object) -> None:
        settings.posting.enabled = False
        # Namespaces and definitions are known; watching them would need cluster-wide rights.
        settings.scanning.disabled = True

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)
    async def event(event: kopf.RawEvent, **_: object) -> None:
        operator.training_changed(event["type"], event["object"])

    return handlers


async def serve(settings: Settings) -> None:
    """Runs until a signal, or until the lead is lost.

    Raises:
        CannotStart: the cluster or the port is not to be had.
    """
    stop = asyncio.Event()
    operator = Operator(settings, stop.set)
    try:
        # Not in kopf's start-up, which would try again what cannot succeed, for ever.
        await operator.start()
        await kopf.operator(
            registry=registry(operator),
            standalone=True,
            # kopf would make one from the user's name, which a pod of any uid does not have.
            identity=settings.identity,  # type: ignore[arg-type]  # its type is private: a str
            clusterwide=not settings.namespace,
            namespaces=[settings.namespace] if settings.namespace else [],
            stop_flag=stop,
        )
    finally:
        await operator.close()


def main() -> None:
    """The command `unet-operator`."""
    try:
        settings = from_environment(os.environ)
    except ValueError as fault:
        sys.exit(str(fault))
    logs.set_up(settings.log_format)
    try:
        asyncio.run(serve(settings))
    except CannotStart as fault:
        sys.exit(str(fault))


if __name__ == "__main__":
    main()
