"""The wall around a training."""

from __future__ import annotations

from support.operator.built import matches
from support.operator.making import NAME, UID, training
from unet_operator.api.labels import LABEL_NAME, labels_of
from unet_operator.build.network_policy import network_policy


def test_the_wall_lets_in_the_training_and_out_to_dns_only():
    spec = network_policy(training())["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    (ingress,) = spec["ingress"]
    assert ingress["from"][0]["podSelector"]["matchLabels"][LABEL_NAME] == NAME
    peers, dns = spec["egress"]
    assert peers["to"] == ingress["from"]
    assert {port["port"] for port in dns["ports"]} == {53}


def test_the_wall_stands_around_every_pod_but_the_one_that_fetches_the_data():
    spec = network_policy(training())["spec"]["podSelector"]
    (rule,) = spec["matchExpressions"]
    for role in ("worker", "launcher", "evaluate", "report", "stage"):
        labels = labels_of(NAME, UID, role, 1)
        inside = matches(spec["matchLabels"], labels) and labels[rule["key"]] not in rule["values"]
        assert inside is (role != "stage")
