"""A status being decided: conditions, phase, message, events and actions, collected.

One decision fills one draft, which ends as one status patch.  An event goes with a condition
that changes its status or reason; so a resync repeats nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from unet_operator.api.status import Condition, ConditionType, Status
from unet_operator.failure.obstacle import Obstacle
from unet_operator.lifecycle.actions import Action, Decision, Event
from unet_operator.lifecycle.phase import phase


class Draft:
    """Collects a decision about one training."""

    def __init__(self, status: Status, generation: int, now: datetime) -> None:
        self.status = status.model_copy(update={"observed_generation": generation})
        self.generation, self.now = generation, now.replace(microsecond=0)
        self._actions: list[Action] = []
        self._events: list[Event] = []
        self._wake: float | None = None

    def set(self, **fields: object) -> None:
        """Replaces fields of the status."""
        self.status = self.status.model_copy(update=fields)

    def do(self, action: Action) -> None:
        """Asks for an action, once."""
        if action not in self._actions:
            self._actions.append(action)

    def wake(self, seconds: float) -> None:
        """Asks to look again no later than in so many seconds."""
        seconds = max(0.0, seconds)
        self._wake = seconds if self._wake is None else min(self._wake, seconds)

    def wake_at(self, moment: datetime) -> None:
        """Asks to look again at that moment."""
        self.wake((moment - self.now) / timedelta(seconds=1) + 0.05)

    def condition(
        self,
        kind: ConditionType,
        value: bool,
        reason: str,
        message: str = "",
        event: Literal["Normal", "Warning"] | None = None,
    ) -> bool:
        """Sets a condition; records `event` if status or reason changed.

        Returns:
            Whether they did.
        """
        text: Literal["True", "False"] = "True" if value else "False"
        old = self.status.condition(kind)
        since, changed = self.now, True
        if old is not None and old.status == text:
            since, changed = old.last_transition_time, old.reason != reason
        new = Condition(
            type=kind,
            status=text,
            observed_generation=self.generation,
            last_transition_time=since,
            reason=reason,
            message=message[:1024],
        )
        rest = [c for c in self.status.conditions if c.type != kind]
        position = self.status.conditions.index(old) if old else len(rest)
        self.set(conditions=[*rest[:position], new, *rest[position:]])
        if changed and event:
            self._events.append(Event(event, reason, message[:1024]))
        return changed

    def since(self, kind: ConditionType) -> datetime:
        """When the condition last changed its status; now, if it was never set."""
        condition = self.status.condition(kind)
        return condition.last_transition_time if condition is not None else self.now

    def wait_for(self, obstacle: Obstacle, kind: ConditionType) -> None:
        """Says what is waited for, in the condition that it holds up and in the message."""
        self.condition(kind, False, obstacle.reason, obstacle.message, event="Warning")
        self.say(obstacle.message)

    def tell(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Records an event of a transition that is more than one condition's."""
        self._events.append(Event(kind, reason, message[:1024]))

    def say(self, message: str) -> None:
        """Sets the one line that tells the cause of the present state."""
        self.set(message=message[:1024])

    def finish(self) -> Decision:
        """The decision, with the phase derived from the conditions."""
        self.set(phase=phase(self.status))
        return Decision(
            status=self.status,
            actions=tuple(self._actions),
            events=tuple(self._events),
            wake=self._wake,
        )
