"""The operator's own settings, as its Deployment gives them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from unet_operator.loop.settings import Settings, from_environment

ROOT = Path(__file__).resolve().parents[4]


def test_an_empty_environment_gives_what_the_fields_say():
    found, plain = from_environment({}), Settings()
    assert (found.port, found.workers, found.qps, found.burst) == (
        plain.port,
        plain.workers,
        plain.qps,
        plain.burst,
    )
    assert found.leader_election is True
    assert (found.namespace, found.training_image, found.log_format) == ("", "", "json")


def test_every_variable_sets_its_field():
    found = from_environment(
        {
            "UNET_OPERATOR_TRAINING_IMAGE": "registry/unet:1",
            "UNET_OPERATOR_TRAINING_PULL_SECRETS": "keys, more.keys,keys",
            "UNET_OPERATOR_NAMESPACE": "clinic",
            "POD_NAMESPACE": "unet-system",
            "POD_NAME": "unet-operator-abc",
            "UNET_OPERATOR_PORT": "9000",
            "UNET_OPERATOR_WORKERS": "3",
            "UNET_OPERATOR_QPS": "12.5",
            "UNET_OPERATOR_BURST": "20",
            "UNET_OPERATOR_LEADER_ELECTION": "false",
            "UNET_OPERATOR_LOG_FORMAT": "plain",
            "UNET_OPERATOR_LEASE_SECONDS": "3",
            "UNET_OPERATOR_LOOK_SECONDS": "0.5",
        }
    )
    assert found == Settings(
        training_image="registry/unet:1",
        training_pull_secrets=("keys", "more.keys"),
        namespace="clinic",
        own_namespace="unet-system",
        identity="unet-operator-abc",
        port=9000,
        workers=3,
        qps=12.5,
        burst=20,
        leader_election=False,
        log_format="plain",
        lease_seconds=3,
        look_seconds=0.5,
    )


def test_two_replicas_without_a_name_do_not_share_one():
    assert from_environment({}).identity != from_environment({}).identity
    assert from_environment({"HOSTNAME": "pod-1"}).identity == "pod-1"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("UNET_OPERATOR_QPS", text) for text in ("fast", "0", "-1", "nan", "inf", "1e400")),
        *(("UNET_OPERATOR_WORKERS", text) for text in ("0", "0.5", "-2", "2.5", "nan", "many")),
        *(("UNET_OPERATOR_BURST", text) for text in ("0", "0.1", "inf")),
        *(("UNET_OPERATOR_PORT", text) for text in ("0", "70000", "http", "80.5")),
        *(("UNET_OPERATOR_LEASE_SECONDS", text) for text in ("0", "2.5", "3601")),
        *(("UNET_OPERATOR_LOOK_SECONDS", text) for text in ("0", "15.1", "often")),
        ("UNET_OPERATOR_LOG_FORMAT", "xml"),
        ("UNET_OPERATOR_TRAINING_PULL_SECRETS", "Keys"),
        ("UNET_OPERATOR_LEADER_ELECTION", "yes"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_holds(name, text):
    with pytest.raises(ValueError, match=name) as told:
        from_environment({name: text})
    assert repr(text) in str(told.value)


def test_an_empty_variable_is_as_good_as_none():
    names = ("PORT", "WORKERS", "QPS", "BURST", "LEADER_ELECTION", "LOG_FORMAT", "NAMESPACE")
    found = from_environment({f"UNET_OPERATOR_{name}": "" for name in names} | {"POD_NAME": "p"})
    assert found == from_environment({"POD_NAME": "p"})


def test_every_variable_that_the_deployment_sets_is_read():
    objects = yaml.safe_load_all((ROOT / "manifests/operator.yaml").read_text())
    deployment = next(o for o in objects if o["kind"] == "Deployment")
    (box,) = deployment["spec"]["template"]["spec"]["containers"]
    given = {v["name"]: v.get("value", "x") for v in box["env"]}
    ours = {name: value for name, value in given.items() if name.startswith("UNET_OPERATOR_")}
    plain = from_environment({"POD_NAME": "p"})
    changed = {
        "QPS": "3",
        "BURST": "3",
        "WORKERS": "3",
        "PORT": "3",
        "LOG_FORMAT": "plain",
        "LEADER_ELECTION": "false",
    }
    for name in ours:
        value = changed.get(name.removeprefix("UNET_OPERATOR_"), "other")
        assert from_environment({"POD_NAME": "p", name: value}) != plain, name
    assert from_environment(given).identity == "x"
