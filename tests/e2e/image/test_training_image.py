"""The training image in pods: any uid, read-only root, ranks over ssh between nodes."""

from __future__ import annotations

import json
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.cluster_fixtures import CHECKOUT, Kubectl, claim, restricted_pod

from unet.system.logfmt import parse_line

pytestmark = pytest.mark.e2e

IMAGE = "unet.invalid/training:dev"
MODULES = CHECKOUT / "tests" / "mpi" / "modules"
HOSTS = ("worker-0.ranks", "worker-1.ranks")
START_SECONDS = 300  # two ranks import TensorFlow on busy cores


def keys(folder: Path) -> dict[str, str]:
    """The Secret's content, as docs/images.md asks for it."""
    for name in ("client", "host"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    host = " ".join((folder / "host.pub").read_text().split()[:2])
    return {
        "id_ed25519": (folder / "client").read_text(),
        "known_hosts": f"[*.ranks]:2222 {host}\n",
        "ssh_host_ed25519_key": (folder / "host").read_text(),
        "authorized_keys": (folder / "client.pub").read_text(),
    }


@dataclass(frozen=True)
class Ranks:
    """Two workers on two nodes, and what a launcher needs to reach them."""

    kubectl: Kubectl
    user: int

    def pod(self, name: str, args: list[str], secret: tuple[str, ...], **extra: object) -> dict:
        """A pod of the training image with the mounts of docs/images.md."""
        limits = extra.pop("limits", {"memory": "3Gi"})
        grace = extra.pop("grace", 120)
        pod = restricted_pod(
            name,
            [],
            image=IMAGE,
            user=self.user,
            limits=limits,
            requests={"cpu": "50m", "memory": "256Mi"},
            labels={"app": "ranks"},
            hostname=name,
            **extra,
        )
        pod["spec"]["terminationGracePeriodSeconds"] = grace
        pod["spec"]["securityContext"]["fsGroup"] = self.user
        container = pod["spec"]["containers"][0]
        del container["command"]
        container["args"] = args
        mounts = {
            "home": ("/home", {"emptyDir": {}}),
            "tmp": ("/tmp", {"emptyDir": {}}),
            "shm": ("/dev/shm", {"emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}}),
            "config": ("/etc/unet/config", {"configMap": {"name": "config"}}),
            "modules": ("/modules", {"configMap": {"name": "modules"}}),
            "ssh": (
                "/etc/unet/ssh",
                {
                    "secret": {
                        "secretName": "keys",
                        "defaultMode": 0o440,
                        "items": [{"key": key, "path": key} for key in secret],
                    }
                },
            ),
            "work": ("/work", {"persistentVolumeClaim": {"claimName": "work"}}),
        }
        pod["spec"]["volumes"] = [{"name": n, **source} for n, (_, source) in mounts.items()]
        container["volumeMounts"] = [{"name": n, "mountPath": p} for n, (p, _) in mounts.items()]
        return pod

    def start_workers(self, **extra: object) -> None:
        """Starts the workers on different nodes and waits until sshd answers the probe."""
        spread = {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"role": "worker"}},
                    }
                ]
            }
        }
        for index in range(len(HOSTS)):
            pod = self.pod(
                f"worker-{index}",
                ["worker"],
                ("ssh_host_ed25519_key", "authorized_keys"),
                subdomain="ranks",
                affinity=spread,
                **extra,
            )
            pod["metadata"]["labels"]["role"] = "worker"
            pod["spec"]["containers"][0]["readinessProbe"] = {
                "tcpSocket": {"port": 2222},
                "periodSeconds": 2,
            }
            self.kubectl.apply(pod)

    def start_launcher(self, *command: str, data: str = "/work/data") -> None:
        """Starts a launcher: the rendezvous first, then `launch`."""
        launch = ["launch", "--hostfile", "/etc/unet/config/hostfile"]
        launch += ["--genv", "PYTHONPATH=/modules", "--", *command]
        pod = self.pod("launcher", launch, ("id_ed25519", "known_hosts"))
        meet = dict(pod["spec"]["containers"][0], name="rendezvous")
        meet["args"] = ["rendezvous", "--hostfile", "/etc/unet/config/hostfile", "--data", data]
        meet["args"] += ["--output", "/work/output", "--timeout", "120"]
        pod["spec"]["initContainers"] = [meet]
        self.kubectl.apply(pod)

    def finish(self) -> tuple[int, dict, list[str]]:
        """Waits for the launcher: (exit code, termination message, log lines)."""
        self.kubectl.wait_phase("launcher", "Succeeded", "Failed", seconds=START_SECONDS)
        status = self.kubectl.get("pod", "launcher")["status"]["containerStatuses"][0]
        ended = status["state"]["terminated"]
        lines = self.kubectl("logs", "launcher", "-c", "main").splitlines()
        print("\n".join(lines))
        return ended["exitCode"], json.loads(ended.get("message", "{}")), lines

    def wait_line(self, start: str) -> None:
        """Waits until the launcher has printed a line that begins so."""

        def printed() -> bool:
            log = self.kubectl("logs", "launcher", "-c", "main", "--tail=200")
            return any(line.startswith(start) for line in log.splitlines())

        self.kubectl.wait_until(f"the launcher prints {start}", printed, START_SECONDS)

    def started(self) -> bool:
        """Whether the launcher's main container has begun."""
        status = self.kubectl.get("pod", "launcher")["status"]
        return status.get("phase") == "Running"


@pytest.fixture
def ranks(namespace: Kubectl, tmp_path: Path) -> Ranks:
    """Keys, hostfile, the stand-in for `train`, a shared volume; no pod yet."""
    modules = {path.name: path.read_text() for path in MODULES.glob("*.py")}
    namespace.apply(
        claim("work", shared=True),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "keys"},
            "stringData": keys(tmp_path),
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "config"},
            "data": {"hostfile": "".join(f"{host}:1\n" for host in HOSTS)},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "modules"},
            "data": modules,
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "ranks"},
            "spec": {
                "clusterIP": "None",
                "publishNotReadyAddresses": True,
                "selector": {"app": "ranks"},
                "ports": [{"port": 2222}],
            },
        },
        restricted_pod(
            "prepare",
            "mkdir -p -m 777 /work/data /work/output && echo {} > /work/data/dataset.json",
            claims={"/work": "work"},
        ),
    )
    namespace.wait_phase("prepare", "Succeeded")
    return Ranks(namespace, random.randint(500, 2_000_000_000))


def exits(lines: list[str]) -> dict[str, dict[str, str]]:
    events = [e for e in map(parse_line, lines) if e and e.get("event") == "exit"]
    return {event["rank"]: event for event in events}


def test_two_pods_on_two_nodes_reduce_together(ranks: Ranks):
    ranks.start_workers()
    ranks.start_launcher("train", "--mode", "collectives")
    code, _, lines = ranks.finish()
    assert code == 0
    said = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines if "size=" in line}
    assert said["rank-0"] == said["rank-1"]
    assert "size=2" in said["rank-0"]
    assert "gradient=[54.0, 54.0]" in said["rank-0"]
    items = ranks.kubectl.get("pods", "-l", "role=worker")["items"]
    assert len({item["spec"]["nodeName"] for item in items}) == 2


def test_rank_out_of_memory_under_sshd_is_reported(ranks: Ranks):
    ranks.start_workers(limits={"memory": "1200Mi"})
    ranks.start_launcher("train", "--mode", "hog", "--folder", "/work/output")
    code, told, lines = ranks.finish()
    assert exits(lines)["1"]["cause"] == "out of memory"
    assert (code, told["rank"], told["cause"]) == (14, 1, "rank 1: out of memory")


def test_term_to_a_worker_reaches_its_ranks_which_checkpoint(ranks: Ranks):
    ranks.start_workers()
    ranks.start_launcher("train", "--mode", "run", "--folder", "/work/output")
    ranks.kubectl.wait_until("the launcher runs", ranks.started, START_SECONDS)
    ranks.wait_line("epoch=1/40")
    ranks.kubectl("delete", "pod", "worker-1", "--wait=false")
    code, told, lines = ranks.finish()
    assert (code, told["code"]) == (143, 143)
    assert {event["code"] for event in exits(lines).values()} == {"143"}
    show = "cat /work/output/checkpoint-0; echo; cat /work/output/checkpoint-1"
    ranks.kubectl.apply(restricted_pod("show", show, claims={"/work": "work"}, user=ranks.user))
    ranks.kubectl.wait_phase("show", "Succeeded")
    steps = ranks.kubectl("logs", "show").split()
    assert len(steps) == 2
    assert len(set(steps)) == 1


def test_rendezvous_names_the_worker_that_cannot_read_the_data(ranks: Ranks):
    ranks.start_workers()
    ranks.start_launcher("train", "--mode", "collectives", data="/work/elsewhere")
    ranks.kubectl.wait_phase("launcher", "Failed", seconds=START_SECONDS)
    status = ranks.kubectl.get("pod", "launcher")["status"]["initContainerStatuses"][0]
    ended = status["state"]["terminated"]
    told = json.loads(ended["message"])
    assert (ended["exitCode"], told["kind"], told["code"]) == (10, "rendezvous", 10)
    assert told["cause"] == "cannot read /work/elsewhere/dataset.json: No such file or directory"
    assert told["where"].startswith("worker of rank ")
