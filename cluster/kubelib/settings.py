"""Names, addresses and folders of one cluster; nothing here touches the machine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
"""The `cluster/` folder of this checkout."""

CHECKOUT = SOURCE.parent

DEFAULT_NAME = "unet"
NAME = re.compile(r"unet(-[a-z0-9]{1,20})?")
"""What a cluster may be called.  Its control group and network namespaces are named so on
the machine, and `down` ends all that is in them: no other program's begin like this."""

NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,3})")
"""The index of a node as it stands in names of folders and of network namespaces."""

DEFAULT_PORT = 16443
MAX_NODES = 8

# Private addresses, met only inside the cluster's own network namespaces: two clusters
# on one machine, or the same range on the machine's own network, do not collide.
CONTROL_PLANE_IP = "10.200.0.10"
SERVICE_RANGE = "10.202.0.0/16"
API_SERVICE_IP = "10.202.0.1"
DNS_SERVICE_IP = "10.202.0.10"
FAKE_POD_RANGE = "10.203.0.0/16"
POD_RANGE = "10.201.0.0/16"

OWNERS = Path("/run/unet-clusters")
"""Which checkout runs the cluster of which name on this machine, and what to undo after
the last of them; removed then."""


def node_ip(index: int) -> str:
    """The address of node `index` on the switch."""
    return f"10.200.0.{20 + index}"


def node_pod_range(index: int) -> str:
    """The addresses of the pods of node `index`."""
    return f"10.201.{index}.0/24"


def node_name(index: int) -> str:
    """The name by which Kubernetes knows node `index`."""
    return f"node-{index}"


def cache_folder() -> Path:
    """Where built things are kept, shared by every checkout: UNET_CACHE or ~/.cache."""
    chosen = os.environ.get("UNET_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "unet-operator"


@dataclass(frozen=True)
class Cluster:
    """One cluster: its name on the machine, its API port on loopback, its state folder."""

    name: str = DEFAULT_NAME
    port: int = DEFAULT_PORT

    @property
    def state(self) -> Path:
        """Everything this cluster writes; ignored by git."""
        suffix = "" if self.name == DEFAULT_NAME else f"/{self.name}"
        return Path(f"{CHECKOUT}/.cluster{suffix}")

    @property
    def bin(self) -> Path:
        """The programs, shared by all clusters of the checkout."""
        return CHECKOUT / ".cluster" / "bin"

    @property
    def run(self) -> Path:
        """Process ids, sockets."""
        return self.state / "run"

    @property
    def logs(self) -> Path:
        """One file per process of the control plane."""
        return self.state / "log"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def images(self) -> Path:
        """Image archives that every node holds; `load` adds to them."""
        return self.state / "images"

    @property
    def stores(self) -> Path:
        """The nodes' images and containers, and the unpacked layers that they share."""
        return self.state / "stores"

    @property
    def shared(self) -> Path:
        """The folder behind the ReadWriteMany class, seen by every node as /shared."""
        return self.state / "shared"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, for the machine's own network namespace."""
        return self.state / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """What the API server was asked, when `up --audit` was given."""
        return self.logs / "audit.log"

    @property
    def switch(self) -> str:
        """The network namespace that holds only the bridge."""
        return f"{self.name}-switch"

    @property
    def control_plane(self) -> str:
        """The network namespace of the control plane."""
        return f"{self.name}-control"

    def node_namespace(self, index: int) -> str:
        """The network namespace of node `index`."""
        return f"{self.name}-node-{index}"

    def node_state(self, index: int) -> Path:
        """What node `index` keeps on disk."""
        return self.state / "nodes" / str(index)

    def known_nodes(self) -> list[int]:
        """The nodes that have something on disk."""
        found = (self.state / "nodes").glob("*")
        return sorted(int(path.name) for path in found if NUMBER.fullmatch(path.name))

    def last_port(self) -> int:
        """The API port of the last `up`; the usual one when there is no cluster."""
        try:
            return int((self.run / "port").read_text())
        except FileNotFoundError:
            return DEFAULT_PORT

    def wanted_nodes(self) -> int:
        """How many nodes the last `up` asked for; 0 when there is no cluster."""
        try:
            return int((self.run / "nodes").read_text())
        except FileNotFoundError:
            return 0
