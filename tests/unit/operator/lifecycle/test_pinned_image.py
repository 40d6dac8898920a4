"""An attempt keeps the image that it began with, whatever the operator's is meanwhile."""

from __future__ import annotations

from dataclasses import replace

from support.operator.making import IMAGE, NOW, advanced, seen, starting, training, two_workers
from support.operator.moments import ENDED_WORKERS, restarting
from unet_operator.build.context import Context
from unet_operator.build.launcher_job import launcher_job
from unet_operator.lifecycle.training import decide

NEWER = "registry.example/unet:2"


def test_an_attempt_begins_with_the_image_of_its_day():
    decision = decide(training(), seen(), NOW, image=IMAGE)
    assert (decision.status.attempt, decision.status.image) == (1, IMAGE)


def test_an_operator_that_is_upgraded_in_mid_attempt_keeps_to_its_image():
    subject = starting()
    decision = decide(subject, seen(*two_workers()), NOW, image=NEWER)
    subject = advanced(subject, decision)
    assert subject.status.image == IMAGE
    context = Context(training=subject, image=NEWER)
    pod = launcher_job(context.of_the_attempt, 1)["spec"]["template"]["spec"]
    assert {part["image"] for part in (*pod["initContainers"], *pod["containers"])} == {IMAGE}


def test_the_next_attempt_has_the_newer_one():
    subject, due = restarting()
    decision = decide(subject, seen(*ENDED_WORKERS), due, image=NEWER)
    assert (decision.status.attempt, decision.status.image) == (2, NEWER)


def test_an_attempt_of_an_older_operator_takes_the_present_image():
    subject = starting()
    older = replace(subject, status=subject.status.model_copy(update={"image": None}))
    assert Context(training=older, image=NEWER).of_the_attempt.image == NEWER
