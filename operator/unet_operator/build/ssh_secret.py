"""The attempt's ssh keys: one Secret, of which each role mounts only its own part.

The launcher sees the client's private key and the workers' pinned host key; a worker sees
the host's private key and the client's public one.  A worker that is taken over can
therefore not log in anywhere.
"""

from __future__ import annotations

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from unet_operator.api import names, pod_paths
from unet_operator.api.manifest import Manifest
from unet_operator.api.resource import UNetTraining
from unet_operator.build.object_meta import object_meta
from unet_operator.build.volumes import Mounted

LAUNCHER_KEYS = ("id_ed25519", "known_hosts")
WORKER_KEYS = ("ssh_host_ed25519_key", "authorized_keys")


def ssh_secret(training: UNetTraining, attempt: int) -> Manifest:
    """The immutable Secret of an attempt, with fresh Ed25519 keys at every call."""
    client_private, client_public = _pair()
    host_private, host_public = _pair()
    pattern = f"[*.{names.service(training.name)}]:{pod_paths.SSH_PORT}"
    files = {
        "id_ed25519": client_private,
        "known_hosts": f"{pattern} {host_public}\n",
        "ssh_host_ed25519_key": host_private,
        "authorized_keys": f"restrict {client_public}\n",
    }
    name = names.secret(training.name, training.meta.uid, attempt)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": object_meta(training, name, "ssh", attempt),
        "data": {key: b64encode(text.encode()).decode() for key, text in files.items()},
    }


def ssh_keys(training: UNetTraining, attempt: int, keys: tuple[str, ...]) -> Mounted:
    """The part of the Secret that a role may see."""
    volume: Manifest = {
        "name": "ssh",
        "secret": {
            "secretName": names.secret(training.name, training.meta.uid, attempt),
            "items": [{"key": key, "path": key} for key in keys],
            "defaultMode": 0o440,
        },
    }
    return Mounted(volume, {"name": "ssh", "mountPath": pod_paths.SSH, "readOnly": True})


def _pair() -> tuple[str, str]:
    """(private key, public key), both as OpenSSH writes them."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return private.decode(), public.decode()
