"""A training's life as `life.Life` plays it, without HTTP: a look takes a millisecond.

For tests that play thousands of lives.  The reconciler, the builders and the cluster are the
same; only the network between them is left out.
"""

from __future__ import annotations

import contextlib
from typing import cast

from support.operator.direct_client import DirectClient
from support.operator.kubernetes.answers import refuse
from support.operator.kubernetes.cluster import SimulatedCluster
from support.operator.kubernetes.objects import Object
from support.operator.kubernetes.refusal import Refusal
from support.operator.making import NAMESPACE
from support.operator.scene import KEY, PLAN, SHARED, Scene
from support.operator.subject import ApiError, Cluster, Observed, Settings, UNetTraining, at_once

SETTINGS = Settings(training_image="image:1")
QUOTA = Refusal(403, "Forbidden", "exceeded quota: small, requested: count/jobs.batch=1")
MADE = ("jobs", "configmaps", "secrets", "services", "persistentvolumeclaims")


class QuickLife(Scene):
    """A cluster, the operator's parts, and the hand of Kubernetes."""

    def __init__(self, **spec: object) -> None:
        cluster = SimulatedCluster()
        client = DirectClient(cluster)
        super().__init__(cluster, cast(Cluster, client), client, SETTINGS)
        self.wake: float | None = None
        """For how long the operator wanted to wait when it last looked."""
        self.submit(spec)

    def look(self) -> float | None:
        """The operator looks once."""
        self.sync()
        before = {} if self.gone else self.training
        try:
            self.wake = at_once(self.brain.reconciler.reconcile(KEY))
        finally:
            self.check(before)
        return self.wake

    def as_observed(self) -> tuple[UNetTraining, Observed]:
        """The training, and all that decisions about it hang on, as the operator sees them."""
        self.sync()
        return at_once(self.brain.observe(KEY))

    def crash(self) -> None:
        """The operator does what it decided and dies before it has written so."""
        fault = refuse(500)
        self.traffic.fault(fault, method="PATCH", plural="unettrainings")
        with contextlib.suppress(ApiError):
            self.look()
        self.traffic.faults.clear()
        self.cluster.settle()
        self.restart()

    def settle(self) -> None:
        """Operator and controllers act until nothing is to be done at once."""
        for _ in range(40):
            self.look()
            version = self.cluster.store.version
            self.cluster.settle()
            again = self.wake is not None and self.wake < 0.5
            if self.gone or (self.cluster.store.version == version and not again):
                return
        raise AssertionError(f"hot loop: {self.status}")

    def wait(self, seconds: float) -> None:
        """Time passes, and operator and controllers act."""
        self.cluster.advance(seconds)
        self.settle()

    def refuse_what_is_new(self, refusing: bool) -> None:
        """A quota refuses new objects, or takes them again."""
        self.cluster.store.refusals = dict.fromkeys(MADE, QUOTA) if refusing else {}

    def restore_claims(self) -> None:
        """Both claims are there, as they were."""
        for name in ("msd", "results"):
            self.claim(name, SHARED)

    def carry_on(self) -> None:
        """Everything goes well for a moment: whatever can get on does."""
        self.look()
        self.cluster.settle()
        for pod in self.staying("worker", "launcher", "stage", "evaluate", "report"):
            self._get_on(pod)
        self.wait(20)

    def _get_on(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        role = pod["metadata"]["labels"]["unet.dev/role"]
        runs = pod["status"].get("phase") == "Running"
        if role == "worker":
            self.hand.run(NAMESPACE, name)
        elif role == "launcher" and not runs:
            self.hand.run(NAMESPACE, name)
            self.hand.logs[name, "launch"] = PLAN
        else:
            self.hand.end(NAMESPACE, name, 0, {"meanDice": 0.8, "cases": 3})
