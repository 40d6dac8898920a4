"""One training amid a simulated cluster, and every hand but the operator's.

`life.Life` and `quick_life.QuickLife` add the operator, over HTTP and without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from support.operator import promises
from support.operator.bodies import spec_with, training_body
from support.operator.kubernetes.cluster import SimulatedCluster
from support.operator.kubernetes.hand import Hand
from support.operator.kubernetes.objects import Object, ended, going, with_meta
from support.operator.kubernetes.requests import Traffic
from support.operator.kubernetes.store import Change
from support.operator.making import NAME, NAMESPACE, UID
from support.operator.subject import Brain, Cluster, Settings, Status, read_status

KEY = (NAMESPACE, NAME)
SHARED: Object = {"accessModes": ["ReadWriteMany"]}
PLAN = "event=plan patch_size=64,64,64 batch_size=2 global_batch_size=4 precision=float32\n"
"""What the launcher's log says first."""


class Scene:
    """A training, its claims, its Jobs and pods, and the operator's parts."""

    def __init__(
        self, cluster: SimulatedCluster, client: Cluster, traffic: Traffic, settings: Settings
    ) -> None:
        self.cluster, self.traffic = cluster, traffic
        self.brain = Brain(client, settings, cluster.clock)
        self.repeat: Callable[[Change], int] = lambda change: 1
        """How often the operator hears of a change: 0 drops the news, 2 doubles it."""
        self.behind = 0
        """How many changes the operator has not heard of yet, as with a cache that lags."""
        self._heard = 0
        self._seen_requests = 0
        self._made: set[str] = set()
        self._statuses: dict[str, Status] = {}
        """What was read of the status, by version."""

    @property
    def now(self) -> datetime:
        """The present time."""
        return self.cluster.clock.now

    @property
    def hand(self) -> Hand:
        """Scheduler and kubelets."""
        return self.cluster.hand

    def claim(self, name: str, spec: Object | None = None) -> None:
        """A PersistentVolumeClaim is there."""
        meta = {"name": name, "namespace": NAMESPACE}
        self.cluster.store.keep(
            "persistentvolumeclaims",
            {
                "metadata": {**meta, "uid": f"uid-{name}"},
                "spec": spec or SHARED,
                "status": {"phase": "Bound"},
            },
            "ADDED",
        )

    def remove_claim(self, name: str) -> None:
        """A PersistentVolumeClaim is taken away."""
        if self.cluster.store.find("persistentvolumeclaims", NAMESPACE, name) is not None:
            self.cluster.store.drop("persistentvolumeclaims", NAMESPACE, name)

    def submit(self, spec: Mapping[str, object], *, uid: str = UID) -> None:
        """A user applies the training; its claims are there."""
        for name in ("msd", "results"):
            self.claim(name)
        body = {**training_body(NAME, uid=uid), "spec": spec_with(spec)}
        self.cluster.store.keep("unettrainings", body, "ADDED")

    def change(self, **sections: Object) -> None:
        """A user sets whole sections of the spec."""
        body = self.training
        meta = {"generation": body["metadata"]["generation"] + 1}
        new = with_meta({**body, "spec": {**body["spec"], **sections}}, **meta)
        self.cluster.store.keep("unettrainings", new)

    def restart(self) -> None:
        """The operator dies and comes back: it lists anew."""
        self.brain.restart()
        self._heard = 0

    def sync(self) -> None:
        """The operator hears what its watches tell by now."""
        changes = self.cluster.store.changes
        upto = len(changes) - self.behind
        for change in changes[self._heard : upto]:
            for _ in range(self.repeat(change)):
                self.brain.hear(change.type, change.plural, change.body)
        self._heard = max(self._heard, upto)

    def relist(self) -> None:
        """The operator lists anew, as after 410: what it missed it learns now."""
        store = self.cluster.store
        for (plural, _, _), body in store.objects.items():
            self.brain.hear("ADDED", plural, body)
        for kind in ("jobs", "pods"):
            uids = {body["metadata"]["uid"] for body in store.all(kind)}
            self.brain.store.keep(kind, uids, str(store.version))

    def check(self, before: Object) -> None:
        """Checks what the operator has just done against what it promises."""
        store, fresh = self.cluster.store, self.traffic.requests[self._seen_requests :]
        self._seen_requests = len(self.traffic.requests)
        jobs = promises.made_jobs(fresh)
        then = self.read_status(before)
        promises.write_the_attempt_first(then, jobs)
        promises.never_two_attempts_at_once(store, jobs, self.now)
        promises.make_nothing_anew(then, jobs, self._made)
        self._made |= {job["metadata"]["name"] for job in jobs}
        if (now := store.find("unettrainings", *KEY)) is not None:
            promises.keep_what_is_final(then, self.read_status(now), jobs)

    def read_status(self, body: Object | None = None) -> Status:
        """The status as the operator reads it: now, or of a training's earlier `body`."""
        body = self.training if body is None else body
        version = body.get("metadata", {}).get("resourceVersion", "")
        if version not in self._statuses:
            self._statuses[version] = read_status(body)
        return self._statuses[version]

    @property
    def training(self) -> Object:
        """The training, as it is kept."""
        return self.cluster.store.get("unettrainings", *KEY)

    @property
    def gone(self) -> bool:
        """Whether the training itself has been deleted."""
        return self.cluster.store.find("unettrainings", *KEY) is None

    @property
    def status(self) -> Object:
        """The training's status."""
        found: Object = self.training["status"]
        return found

    def condition(self, kind: str) -> Object:
        """One of its conditions, empty if it was never set."""
        conditions = self.status.get("conditions", ())
        return next((c for c in conditions if c["type"] == kind), {})

    def events(self) -> list[str]:
        """Reasons of its events, in their order."""
        return [str(r.body["reason"]) for r in self.traffic.made("POST", "events")]

    def created(self) -> list[str]:
        """Names of the Jobs asked for so far, in their order."""
        return [str(r.body["metadata"]["name"]) for r in self.traffic.made("POST", "jobs")]

    def job(self, role: str, number: int = 1) -> Object | None:
        """One of its Jobs."""
        name = f"{NAME}-{role}" if role == "stage" else f"{NAME}-{role}-{number}"
        return self.cluster.store.find("jobs", NAMESPACE, name)

    def jobs(self) -> dict[str, Object]:
        """Its Jobs, by name."""
        return {str(body["metadata"]["name"]): body for body in self.cluster.store.all("jobs")}

    def find_pods(self, *roles: str, attempt: int | None = None) -> Iterator[Object]:
        """Its pods of those roles, by index."""
        for pod in sorted(self.cluster.store.all("pods"), key=lambda p: str(p["metadata"]["name"])):
            if promises.role_of(pod) in roles and attempt in (None, promises.attempt_of(pod)):
                yield pod

    def live(self, *roles: str) -> list[Object]:
        """Names of pods of those roles that have not ended and whose node answers."""
        found = self.find_pods(*roles)
        return [pod for pod in found if not ended(pod) and not self.hand.is_silent(pod)]

    def staying(self, *roles: str) -> list[Object]:
        """Those of the live pods that nobody has told to go."""
        return [pod for pod in self.live(*roles) if not going(pod)]

    def log(self, text: str, attempt: int = 1) -> None:
        """The launcher's log so far."""
        for pod in self.find_pods("launcher", attempt=attempt):
            self.hand.logs[pod["metadata"]["name"], "launch"] = text
