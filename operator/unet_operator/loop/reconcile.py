"""One look at one training: read, decide, act, write the status once, tell.

The order makes crashes harmless: what was done is found done the next time, and an event is
sent only when the status that it tells of was written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from unet_operator.api.resource import InvalidSpec, metadata, parse
from unet_operator.api.resource import status as read_status
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.build.context import Context
from unet_operator.build.one_node import one_node
from unet_operator.cluster.client import EVENTS, TRAININGS, ApiError, Cluster
from unet_operator.failure.obstacle import Obstacle
from unet_operator.lifecycle.actions import Action, Decision
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.phase import terminal
from unet_operator.lifecycle.refused_object import with_refusal
from unet_operator.lifecycle.training import decide
from unet_operator.loop.events import event_manifest
from unet_operator.loop.merge import Json, merge_patch
from unet_operator.loop.perform import Actor, Refused
from unet_operator.loop.read import Looker
from unet_operator.loop.settings import Settings
from unet_operator.observe.objects import Body
from unet_operator.observe.store import Key, Store

log = logging.getLogger(__name__)

PROGRESS_PERIOD = timedelta(seconds=LOOK_SECONDS)
"""How often progress alone is worth a write."""
_PROGRESS = ("training", "dice", "workers", "message")


class Reconciler:
    """See the module."""

    def __init__(
        self, cluster: Cluster, store: Store, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._cluster, self._store, self._settings, self._now = cluster, store, settings, now
        self._looker = Looker(cluster, store, now)
        self._actor = Actor(cluster, store)
        self._written: dict[Key, datetime] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Brings one training one step on.

        Returns:
            Seconds until it wants another look, None when only news can move it.

        Raises:
            ApiError: the API server did not do its part; to be tried again.
        """
        body = self._store.training(key)
        if body is None:
            self._looker.forget(key)
            self._written.pop(key, None)
            return None
        try:
            training = parse(body)
        except InvalidSpec as fault:
            return await self._write(key, body, self._invalid(body, str(fault)))
        seen = await self._looker.look(training)
        image = training.spec.image or self._settings.training_image
        decision = decide(training, seen, self._now(), has_image=bool(image))
        context = Context(training=training, image=image, one_node=one_node(training, seen))
        refused = await self._act(context, decision.actions)
        if refused is not None:
            action, fault = refused
            refusal = Obstacle(fault.reason, fault.message)
            decision = with_refusal(training, decision, action, refusal, self._now())
        return await self._write(key, body, decision)

    async def _act(
        self, context: Context, actions: tuple[Action, ...]
    ) -> tuple[Action, Refused] | None:
        for action in actions:
            try:
                await self._actor.perform(context, action)
            except Refused as refused:
                return action, refused
        return None

    def _invalid(self, body: Body, fault: str) -> Decision:
        meta, status = metadata(body), read_status(body)
        if terminal(status):
            return Decision(status=status)
        draft = Draft(status, meta.generation, self._now())
        draft.condition("Accepted", False, "InvalidSpec", fault, event="Warning")
        draft.say(fault)
        return draft.finish()

    async def _write(self, key: Key, body: Body, decision: Decision) -> float | None:
        """Writes the status if it changed and is due, then records the events."""
        old: Json = body.get("status") or {}
        new: Json = decision.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        patch = merge_patch(old, new)
        now = self._now()
        if not patch:
            return decision.wake
        if old and not merge_patch(_lasting(old), _lasting(new)):
            due = self._written.get(key, now - PROGRESS_PERIOD) + PROGRESS_PERIOD
            if now < due:
                wait = (due - now) / timedelta(seconds=1)
                return wait if decision.wake is None else min(wait, decision.wake)
        namespace, name = key
        version = body["metadata"].get("resourceVersion")
        try:
            written = await self._cluster.patch(
                TRAININGS,
                namespace,
                name,
                {"metadata": {"resourceVersion": version}, "status": patch},
                sub="status",
            )
        except ApiError as error:
            if error.status == 404:
                self._store.drop_training(body)
                return None
            if error.status == 409:
                await self._refresh(key, body)
                return 0.0
            raise
        self._written[key] = now
        self._store.put_training(written)
        if decision.status.phase != old.get("phase"):
            log.info(
                "%s",
                decision.status.message or decision.status.phase,
                extra={
                    "training": f"{namespace}/{name}",
                    "phase": decision.status.phase,
                    "attempt": decision.status.attempt,
                },
            )
        for event in decision.events:
            await self._tell(key, written, event_manifest(written, event, now, self._settings))
        return decision.wake

    async def _refresh(self, key: Key, body: Body) -> None:
        found = await self._cluster.get(TRAININGS, *key)
        if found is None:
            self._store.drop_training(body)
        else:
            self._store.put_training(found)

    async def _tell(self, key: Key, body: Body, manifest: Body) -> None:
        """Events are courtesy: one that is not taken does not stop the work."""
        try:
            await self._cluster.create(EVENTS, key[0], manifest)
        except ApiError as error:
            log.warning("event not recorded: %s", error, extra={"training": "/".join(key)})


def _lasting(status: Json) -> Json:
    """The status without what changes all the time."""
    rest = {k: v for k, v in status.items() if k not in _PROGRESS}
    conditions = rest.get("conditions", [])
    rest["conditions"] = [
        {k: v for k, v in c.items() if k not in ("message", "observedGeneration")}
        for c in conditions
    ]
    return rest
