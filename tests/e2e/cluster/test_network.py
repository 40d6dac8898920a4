"""Pods reach each other by name across nodes, unless a policy says no, and nothing else."""

import socket
import subprocess

import pytest
from support.cluster_fixtures import Kubectl, real_nodes, restricted_pod, throwaway_name

pytestmark = pytest.mark.e2e

SERVER = "echo hello > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"
TMP = {"volumes": [{"name": "tmp", "emptyDir": {}}]}


@pytest.fixture
def pair(namespace: Kubectl) -> Kubectl:
    """A server on one node, a client on another, a headless service between."""
    first, second, *_ = real_nodes(namespace)
    server = restricted_pod("server", SERVER, labels={"app": "server"}, nodeName=first, **TMP)
    main = server["spec"]["containers"][0]
    main["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]
    main["readinessProbe"] = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    service = {"clusterIP": "None", "selector": {"app": "server"}, "ports": [{"port": 8080}]}
    namespace.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "server"},
            "spec": service,
        },
        server,
        restricted_pod("client", "exec sleep 3600", labels={"app": "client"}, nodeName=second),
    )
    namespace("wait", "--for=condition=Ready", "pod/server", "pod/client", "--timeout=120s")
    return namespace


def reachable(namespace: Kubectl, host: str, port: int = 8080) -> bool:
    """Whether the client gets a connection to `host`.

    The client itself says so: a kubectl that fails is no closed door, and fails the test.
    """
    tried = f"if nc -w 3 {host} {port} -e true; then echo open; else echo closed; fi"
    (said,) = namespace("exec", "client", "--", "sh", "-c", tried).split()
    assert said in ("open", "closed"), said
    return said == "open"


def policy(name: str, ingress: list[dict]) -> dict:
    """A policy for the server's incoming connections."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "podSelector": {"matchLabels": {"app": "server"}},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    }


def test_a_policy_blocks_and_an_exception_opens(pair: Kubectl):
    pair.wait_until("the server's name resolves", lambda: reachable(pair, "server"))
    pair.apply(policy("deny", []))
    pair.wait_until("the policy blocks", lambda: not reachable(pair, "server"))
    client = {"podSelector": {"matchLabels": {"app": "client"}}}
    pair.apply(policy("allow", [{"from": [client], "ports": [{"port": 8080}]}]))
    pair.wait_until("the exception opens", lambda: reachable(pair, "server"))


def test_pods_cannot_reach_the_machine(pair: Kubectl):
    if not throwaway_name(pair):
        pytest.skip("only the throwaway cluster promises that")
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True)
    addresses = found.stdout.split()
    if not addresses:
        pytest.skip("this machine has no address but loopback's: there is nothing to reach")
    both = any(":" in address for address in addresses)
    any_address, family = ("::", socket.AF_INET6) if both else ("0.0.0.0", socket.AF_INET)
    with socket.create_server((any_address, 0), family=family, dualstack_ipv6=both) as listener:
        port = listener.getsockname()[1]
        for address in addresses:
            socket.create_connection((address, port), timeout=3).close()
            assert not reachable(pair, address, port)
    assert reachable(pair, "server"), "the client can reach nothing at all"
