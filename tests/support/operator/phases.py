"""Trainings brought to a phase in the simulated world, and what a user does to them there."""

from __future__ import annotations

from dataclasses import replace

from unet_operator.lifecycle.phase import terminal

from support.operator.making import spec, training
from support.operator.world import World

STAGED = {"source": {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}}
LIVE = ["Pending", "Staging", "Starting", "Training", "Restarting", "Evaluating"]
ENDED = ["Succeeded", "Failed"]


def reach(phase: str, **changes: dict) -> World:
    """A world whose training has just come to that phase."""
    world = World(training(**{"dataset": STAGED, **changes}))
    if phase == "Pending":
        world.claims = {}
    world.settle()
    for _ in range(40):
        if world.training.status.phase == phase:
            return world
        training_on = world.training.status.phase == "Training"
        if phase in ("Restarting", "Failed") and training_on:
            code = 1 if phase == "Restarting" else 10
            world.end(world.live("launcher")[0], code, "launch")
            world.wait(10)
            world.settle()
        else:
            world.carry_on()
            world.settle()
    raise AssertionError(f"never came to {phase}: {world.training.status}")


def edit(world: World, **changes: dict) -> None:
    """A user edits the spec."""
    world.training = replace(world.training, spec=spec(**{"dataset": STAGED, **changes}))


def go_on(world: World, rounds: int = 40) -> None:
    """All goes well until the end."""
    for _ in range(rounds):
        if terminal(world.training.status):
            return
        world.carry_on()
        world.settle()
