"""The keys fit each other, and each role sees its own part only."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key
from support.operator.built import SOURCE, all_jobs, context, pod_spec
from support.operator.making import NAME, UID, training
from unet_operator.build.ssh_secret import ssh_secret

JOBS = all_jobs(context(dataset=SOURCE))


def mounted(job, name):
    """Keys of the Secret that a pod sees."""
    (volume,) = [v for v in pod_spec(job)["volumes"] if v["name"] == name]
    return {item["key"] for item in volume["secret"]["items"]}


def test_a_worker_never_sees_the_client_key():
    assert mounted(JOBS[0], "ssh") == {"ssh_host_ed25519_key", "authorized_keys"}


def test_the_launcher_never_sees_the_host_key():
    assert mounted(JOBS[1], "ssh") == {"id_ed25519", "known_hosts"}


@pytest.mark.parametrize("job", JOBS[2:], ids=lambda job: job["metadata"]["name"])
def test_no_other_pod_sees_any_key(job):
    assert not [v for v in pod_spec(job)["volumes"] if "secret" in v]


def files(secret):
    """A Secret's files as text."""
    return {key: base64.b64decode(text).decode() for key, text in secret["data"].items()}


def test_the_keys_fit_each_other_and_the_host_key_is_pinned():
    secret = ssh_secret(training(), 3)
    text = files(secret)
    client = load_ssh_private_key(text["id_ed25519"].encode(), None)
    authorized = load_ssh_public_key(text["authorized_keys"].removeprefix("restrict ").encode())
    assert client.public_key() == authorized
    pattern, _, pinned = text["known_hosts"].partition(" ")
    host = load_ssh_private_key(text["ssh_host_ed25519_key"].encode(), None)
    assert host.public_key() == load_ssh_public_key(pinned.encode())
    assert pattern == f"[*.{NAME}-mpi]:2222"
    assert secret["immutable"] is True


def test_every_attempt_has_keys_of_its_own():
    assert files(ssh_secret(training(), 1)) != files(ssh_secret(training(), 1))


def test_the_secret_s_name_tells_whose_it_is():
    assert ssh_secret(training(), 2)["metadata"]["name"] == f"{NAME}-ssh-{UID[:8]}-2"
