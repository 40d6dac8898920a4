"""The control plane: etcd, the API server, its two controllers and the way in from outside.

They run in a network namespace of their own.  The machine reaches the API on loopback: a
relay there speaks through a unix socket to a relay inside, so that no packet crosses.
"""

from __future__ import annotations

from . import api, cgroups, files, processes, settings
from .settings import SOURCE, Cluster

GATES = "--feature-gates=GenericWorkload=true"
"""Native gang scheduling: PodGroup of scheduling.k8s.io."""

NAMES = (
    "etcd",
    "relay-inside",
    "relay-outside",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
)


def start(cluster: Cluster, audit: bool) -> None:
    """Starts what does not run, and returns once the API server is ready."""
    cgroups.create(f"{cluster.name}/{cgroups.CONTROL_PLANE}")
    audit = _audits(cluster, audit)
    commands = {
        "etcd": _etcd(cluster),
        "relay-inside": _relay("UNIX-LISTEN:api.sock,fork,unlink-early,mode=600", _inside()),
        "relay-outside": _relay(
            f"TCP-LISTEN:{cluster.port},bind=127.0.0.1,fork,reuseaddr", "UNIX-CONNECT:api.sock"
        ),
        "kube-apiserver": _api_server(cluster, audit),
        "kube-controller-manager": _controller_manager(cluster),
        "kube-scheduler": _scheduler(cluster),
    }
    for name in NAMES:
        namespace = "" if name == "relay-outside" else cluster.control_plane
        processes.start(cluster, name, commands[name], cgroups.CONTROL_PLANE, namespace)
        if name == "kube-apiserver":
            log = processes.log_file(cluster, name)
            processes.wait_for("API server ready", lambda: api.is_ready(cluster), 120, log)


def _audits(cluster: Cluster, asked: bool) -> bool:
    """Whether the API server is to write its log: once it was asked to, until `down`."""
    mark = cluster.run / "audit"
    if asked and not mark.exists():
        processes.stop(cluster, "kube-apiserver")
        files.write_atomic(mark, "")
    return mark.exists()


def _inside() -> str:
    return f"TCP:{settings.CONTROL_PLANE_IP}:6443"


def _relay(listen: str, connect: str) -> list[str]:
    return ["socat", listen, connect]


def _etcd(cluster: Cluster) -> list[str]:
    data = cluster.state / "etcd"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        str(cluster.bin / "etcd"),
        f"--data-dir={data}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--name=only",
        "--initial-cluster=only=http://127.0.0.1:2380",
        # A throwaway cluster: a power cut may cost it, and fsync costs every write.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _api_server(cluster: Cluster, audit: bool) -> list[str]:
    pki = cluster.pki
    command = [
        str(cluster.bin / "kube-apiserver"),
        f"--advertise-address={settings.CONTROL_PLANE_IP}",
        "--secure-port=6443",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--service-cluster-ip-range={settings.SERVICE_RANGE}",
        "--allow-privileged=true",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/kubelet-client.crt",
        f"--kubelet-client-key={pki}/kubelet-client.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        # The control plane does not know the nodes' names.
        "--kubelet-preferred-address-types=InternalIP",
        # Webhooks and aggregated APIs are asked at their pods' addresses, to which there are
        # routes: no kube-proxy runs here that would know a Service's.
        "--enable-aggregator-routing=true",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
        "--runtime-config=scheduling.k8s.io/v1beta1=true",
        GATES,
    ]
    if audit:
        policy = SOURCE / "manifests" / "audit-policy.yaml"
        command += [f"--audit-policy-file={policy}", f"--audit-log-path={cluster.audit_log}"]
    return command


def _controller_manager(cluster: Cluster) -> list[str]:
    return [
        *_controller(cluster, "kube-controller-manager"),
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={cluster.pki}/sa.key",
        f"--root-ca-file={cluster.pki}/ca.crt",
        f"--cluster-signing-cert-file={cluster.pki}/ca.crt",
        f"--cluster-signing-key-file={cluster.pki}/ca.key",
        f"--service-cluster-ip-range={settings.SERVICE_RANGE}",
        # By default it makes a folder under the machine's /usr.
        f"--flex-volume-plugin-dir={cluster.run}/flex-volumes",
        # A killed node is NotReady after 20 s instead of 50 s: tests wait for it.
        "--node-monitor-grace-period=20s",
    ]


def _scheduler(cluster: Cluster) -> list[str]:
    return _controller(cluster, "kube-scheduler")


def _controller(cluster: Cluster, name: str) -> list[str]:
    config = cluster.run / f"{name}.conf"
    return [
        str(cluster.bin / name),
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        GATES,
    ]
