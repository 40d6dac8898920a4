"""What the operator may do, and what it may not, as the API server sees it."""

from __future__ import annotations

from uuid import uuid4

import pytest
import yaml
from support.cluster_fixtures import CHECKOUT
from support.hand_node import Api
from support.operator_process import ACCOUNT, chart_rights
from unet_operator.cluster.kinds import Kind

pytestmark = pytest.mark.integration

REVIEWS = Kind("authorization.k8s.io/v1", "subjectaccessreviews")
MUST = [
    *((verb, "unettrainings.unet.dev") for verb in ("get", "list", "watch", "delete")),
    ("patch", "unettrainings.unet.dev/status"),
    *((verb, "jobs.batch") for verb in ("create", "get", "list", "watch", "patch", "delete")),
    *((verb, "pods") for verb in ("get", "list", "watch")),
    ("get", "pods/log"),
    *((verb, "services") for verb in ("create", "get", "patch")),
    *((verb, "networkpolicies.networking.k8s.io") for verb in ("create", "get", "patch")),
    *((verb, "configmaps") for verb in ("create", "get")),
    *((verb, "persistentvolumeclaims") for verb in ("create", "get")),
    ("create", "secrets"),
    *((verb, "events") for verb in ("create", "list")),
    *((verb, "podgroups.scheduling.k8s.io") for verb in ("create", "get")),
    ("create", "leases.coordination.k8s.io"),
]
MUST_NOT = [
    *((verb, "secrets") for verb in ("get", "list", "watch", "update", "patch", "delete")),
    *((verb, "pods") for verb in ("create", "update", "patch", "delete", "deletecollection")),
    *(
        (verb, f"pods/{sub}")
        for verb in ("create", "get")
        for sub in ("exec", "attach", "portforward")
    ),
    *((verb, "unettrainings.unet.dev") for verb in ("create", "update", "patch")),
    *((verb, "configmaps") for verb in ("list", "update", "patch", "delete")),
    *((verb, "persistentvolumeclaims") for verb in ("update", "patch", "delete", "list")),
    *((verb, "services") for verb in ("delete", "list")),
    *((verb, "networkpolicies.networking.k8s.io") for verb in ("delete",)),
    *((verb, "deployments.apps") for verb in ("create", "get", "patch")),
    *((verb, "roles.rbac.authorization.k8s.io") for verb in ("create", "bind", "escalate")),
    *((verb, "serviceaccounts") for verb in ("create", "get", "impersonate")),
    ("create", "serviceaccounts/token"),
    ("list", "nodes"),
    ("list", "namespaces"),
    ("create", "customresourcedefinitions.apiextensions.k8s.io"),
    ("*", "*"),
]


def allowed(api: Api, account: str, verb: str, resource: str, namespace: str) -> bool:
    """Whether the account may do that in the namespace; in all of them if that is empty.

    `resource` is PLURAL[.GROUP][/SUBRESOURCE][=NAME].
    """
    path, _, name = resource.partition("=")
    path, _, sub = path.partition("/")
    plural, _, group = path.partition(".")
    review = {
        "apiVersion": REVIEWS.api_version,
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": {
            "user": account,
            "groups": [
                "system:authenticated",
                "system:serviceaccounts",
                f"system:serviceaccounts:{account.split(':')[2]}",
            ],
            "resourceAttributes": {
                "verb": verb,
                "resource": plural,
                "group": group,
                "subresource": sub,
                "namespace": namespace,
                "name": name,
            },
        },
    }
    return api(api.cluster.create(REVIEWS, None, review))["status"]["allowed"]


@pytest.fixture(scope="module")
def narrow(crd):
    """An account with the chart's Role for one namespace: (account, namespace)."""
    name = f"unet-it-{uuid4().hex[:8]}"
    crd("create", "namespace", name)
    crd.within(name).apply(*chart_rights(name))
    yield f"system:serviceaccount:{name}:{ACCOUNT}", name
    crd("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize(("verb", "resource"), MUST, ids=lambda x: x)
def test_what_its_work_needs_it_may_do(api, narrow, verb, resource):
    account, namespace = narrow
    assert allowed(api, account, verb, resource, namespace)


@pytest.mark.parametrize(("verb", "resource"), MUST_NOT, ids=lambda x: x)
def test_what_its_work_does_not_need_it_may_not_do(api, narrow, verb, resource):
    account, namespace = narrow
    assert not allowed(api, account, verb, resource, namespace)


@pytest.mark.parametrize("resource", ["jobs.batch", "pods", "unettrainings.unet.dev", "secrets"])
@pytest.mark.parametrize("verb", ["list", "create"])
def test_in_any_other_namespace_it_may_do_nothing(api, narrow, verb, resource):
    account, _ = narrow
    assert not allowed(api, account, verb, resource, "default")
    assert not allowed(api, account, verb, resource, "")


@pytest.mark.parametrize(
    ("verb", "name", "expected"),
    [
        ("get", "unet-operator", True),
        ("update", "unet-operator", True),
        ("update", "another", False),
        ("delete", "unet-operator", False),
    ],
)
def test_of_leases_it_may_hold_its_own_alone(api, narrow, verb, name, expected):
    account, namespace = narrow
    found = allowed(api, account, verb, f"leases.coordination.k8s.io={name}", namespace)
    assert found is expected


def rules(namespace: str, scope: str) -> list[dict]:
    """Rules of the chart's roles: for one namespace, or of manifests/ for all."""
    if scope == "Role":
        bodies = chart_rights(namespace)
    else:
        bodies = yaml.safe_load_all((CHECKOUT / "manifests/operator.yaml").read_text())
    mine = [b for b in bodies if b and b["kind"] == scope and b["metadata"]["name"] == ACCOUNT]
    return [rule for body in mine for rule in body["rules"]]


@pytest.mark.parametrize("scope", ["Role", "ClusterRole"])
def test_no_rule_has_a_wildcard(scope):
    found = rules("x", scope)
    assert found
    for rule in found:
        assert not any("*" in text for part in rule.values() for text in part)


def test_serving_all_namespaces_takes_no_other_rights_than_serving_one():
    assert rules("x", "Role") == rules("x", "ClusterRole")


def test_the_pods_of_a_training_have_no_rights_at_all(api, narrow):
    """They carry no token either; this is what it would be worth."""
    _, namespace = narrow
    account = f"system:serviceaccount:{namespace}:default"
    for verb, resource in (("get", "secrets"), ("list", "pods"), ("get", "unettrainings.unet.dev")):
        assert not allowed(api, account, verb, resource, namespace)
