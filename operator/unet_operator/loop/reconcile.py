"""One look at one training: read, decide, perform, write the status once, then its events.

The order makes crashes harmless: what was done is found done the next time, and an event is
sent only when the status that it tells of was written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from unet_operator.api.json_object import JsonObject, sections
from unet_operator.api.resource import InvalidSpec, metadata, parse
from unet_operator.api.resource import status as read_status
from unet_operator.api.stored_status import with_others
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.build.context import Context
from unet_operator.build.one_node import one_node
from unet_operator.cluster.client import Cluster
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import EVENTS, TRAININGS
from unet_operator.failure.obstacle import Obstacle
from unet_operator.lifecycle.actions import Action, Decision, Event
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.phase import terminal
from unet_operator.lifecycle.refused_object import with_refusal
from unet_operator.lifecycle.training import decide
from unet_operator.loop.kubernetes_events import event_manifest
from unet_operator.loop.merge_patch import merge_patch
from unet_operator.loop.perform import Performer, Refused
from unet_operator.loop.read import Reader
from unet_operator.loop.settings import Settings
from unet_operator.observe.store import Key, Store, StoredTraining

log = logging.getLogger(__name__)

_PROGRESS = ("training", "dice", "workers", "message")
"""Fields of the status that change all the time."""


class Reconciler:
    """Brings trainings on, each by one look at a time."""

    def __init__(
        self, cluster: Cluster, store: Store, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._cluster, self._store, self._settings, self._now = cluster, store, settings, now
        self._reader = Reader(cluster, store, now, settings.look_seconds)
        self._progress_period = timedelta(seconds=settings.look_seconds)
        """How often progress alone is worth a write."""
        self._performer = Performer(cluster, store)
        self._written: dict[Key, datetime] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Brings one training one step on.

        Returns:
            Seconds until it wants another look, None when only news can move it.

        Raises:
            ApiError: the API server did not do its part; to be tried again.
        """
        stored = self._store.training(key)
        if stored is None:
            self._reader.forget(key)
            self._written.pop(key, None)
            return None
        try:
            training = parse(stored.body)
        except InvalidSpec as fault:
            return await self._write(stored, self._invalid(stored, str(fault)))
        observed = await self._reader.read(training)
        image = training.spec.image or self._settings.training_image
        decision = decide(training, observed, self._now(), image=image)
        context = Context(
            training=training,
            image=image,
            one_node=one_node(training, observed),
            pull_secrets=self._settings.training_pull_secrets,
        )
        stopped = await self._perform(context, decision.actions)
        if stopped is not None:
            action, refusal = stopped
            obstacle = Obstacle(refusal.reason, refusal.message)
            decision = with_refusal(training, decision, action, obstacle, self._now())
        return self._soon(await self._write(stored, decision))

    def _soon(self, wake: float | None) -> float | None:
        """Seconds until the next look, where the settings ask for more looks than decisions do.

        A wait longer than LOOK_SECONDS is for a moment and wants no look before it.
        """
        if wake is None or wake > LOOK_SECONDS:
            return wake
        return min(wake, self._settings.look_seconds)

    async def _perform(
        self, context: Context, actions: tuple[Action, ...]
    ) -> tuple[Action, Refused] | None:
        """Performs the actions in order, up to the first that is refused, which it returns."""
        for action in actions:
            try:
                await self._performer.perform(context, action)
            except Refused as refused:
                return action, refused
        return None

    def _invalid(self, stored: StoredTraining, fault: str) -> Decision:
        """The decision about a training whose spec cannot be read."""
        status = read_status(stored.body)
        if terminal(status):
            return Decision(status=status)
        draft = Draft(status, metadata(stored.body).generation, self._now())
        draft.condition("Accepted", False, "InvalidSpec", fault, event="Warning")
        draft.say(fault)
        return draft.finish()

    async def _write(self, stored: StoredTraining, decision: Decision) -> float | None:
        """Writes the status if it changed and is due, then records the events."""
        ours: JsonObject = decision.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        new = with_others(stored.status, ours)
        patch = merge_patch(stored.status, new)
        if not patch:
            return decision.wake
        now = self._now()
        wait = self._too_soon(stored, new, now)
        if wait is not None:
            return wait if decision.wake is None else min(wait, decision.wake)
        guarded = {"metadata": {"resourceVersion": stored.version}, "status": patch}
        try:
            body = await self._cluster.patch(TRAININGS, *stored.key, guarded, sub="status")
        except ApiError as error:
            return await self._not_written(stored, error)
        self._written[stored.key] = now
        written = self._store.put_training(body)
        if (decision.status.phase or "") != stored.phase:
            _log_phase(written, decision)
        for event in decision.events:
            await self._record(written, event, now)
        return decision.wake

    def _too_soon(self, stored: StoredTraining, new: JsonObject, now: datetime) -> float | None:
        """Seconds until progress alone may be written again; None for a write that is due."""
        if not stored.status or merge_patch(_lasting(stored.status), _lasting(new)):
            return None
        due = self._written.get(stored.key, now - self._progress_period) + self._progress_period
        return (due - now) / timedelta(seconds=1) if now < due else None

    async def _not_written(self, stored: StoredTraining, error: ApiError) -> float | None:
        """What follows when the status was not taken: the training is gone, or was changed."""
        if error.status == 404:
            self._store.drop_training(stored.key, stored.uid)
            return None
        if error.status != 409:
            raise error
        body = await self._cluster.get(TRAININGS, *stored.key)
        if body is None:
            self._store.drop_training(stored.key, stored.uid)
        else:
            self._store.put_training(body)
        return 0.0

    async def _record(self, training: StoredTraining, event: Event, now: datetime) -> None:
        """Records an event: a courtesy, so that one which is not taken does not stop the work."""
        manifest = event_manifest(training, event, now, self._settings)
        try:
            await self._cluster.create(EVENTS, training.namespace, manifest)
        except ApiError as error:
            extra = {"training": "/".join(training.key)}
            log.warning("event not recorded: %s", error, extra=extra)


def _log_phase(training: StoredTraining, decision: Decision) -> None:
    status = decision.status
    extra = {
        "training": "/".join(training.key),
        "phase": status.phase,
        "attempt": status.attempt,
    }
    log.info("%s", status.message or status.phase, extra=extra)


def _lasting(status: JsonObject) -> JsonObject:
    """The status without what changes all the time."""
    conditions = [
        {k: v for k, v in condition.items() if k not in ("message", "observedGeneration")}
        for condition in sections(status, "conditions")
    ]
    rest = {field: value for field, value in status.items() if field not in _PROGRESS}
    return {**rest, "conditions": conditions}
