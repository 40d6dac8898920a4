"""What the image fixes and a pod must give is what docs/images.md says."""

from __future__ import annotations

import re
from pathlib import Path

from unet_image import __main__ as entry_point
from unet_image import msd, worker
from unet_operator.api.spec.dataset import MSD_TASKS

CHECKOUT = Path(__file__).resolve().parents[3]
IMAGE = CHECKOUT / "image" / "training"
PAGE = (CHECKOUT / "docs" / "images.md").read_text()


def found(pattern: str, text: str) -> str:
    """The one value that a pattern names in a text."""
    (value,) = set(re.findall(pattern, text, re.MULTILINE))
    return value


def test_one_port_is_documented_opened_and_called():
    port = found(r"containerPort: (\d+)", PAGE)
    assert found(r"^Port (\d+)", (IMAGE / "etc/ssh/sshd_config").read_text()) == port
    assert found(r"^ +Port (\d+)", (IMAGE / "etc/ssh/ssh_config").read_text()) == port
    assert found(r"^EXPOSE (\d+)", (IMAGE / "runtime.Dockerfile").read_text()) == port


def test_the_image_has_a_checksum_for_each_task_that_the_resource_takes():
    assert tuple(msd.MD5) == MSD_TASKS


def test_keys_are_read_where_the_secret_is_mounted():
    assert f"| `{worker.KEYS}` | the attempt's Secret" in PAGE
    files = {
        "ssh_config": ("id_ed25519", "known_hosts"),
        "sshd_config": ("ssh_host_ed25519_key",),
    }
    for config, names in files.items():
        text = (IMAGE / "etc/ssh" / config).read_text()
        for name in names:
            assert f"{worker.KEYS}/{name}" in text
            assert f"\n| `{name}` " in PAGE


def test_the_launcher_reads_its_arguments_where_the_config_map_is_mounted():
    folder = entry_point.LAUNCH_ARGUMENTS.parent
    assert f"| `{folder}` | the attempt's ConfigMap" in PAGE
    assert f"`{entry_point.LAUNCH_ARGUMENTS}`" in PAGE


def test_every_word_of_the_entry_point_is_documented():
    for word in ("worker", "launch", "rendezvous", "stage"):
        assert re.search(rf"^    args: \[{word}[,\]]", PAGE, re.MULTILINE), word
    assert set(entry_point.COMMANDS) - {"check"} == {"rendezvous", "stage"}


def test_the_grace_is_the_documented_one(monkeypatch):
    monkeypatch.delenv("UNET_GRACE_SECONDS", raising=False)
    assert worker.grace_seconds() == float(found(r"`UNET_GRACE_SECONDS` \| `(\d+)`", PAGE))


def test_the_termination_message_goes_where_the_image_says():
    name = found(r"`UNET_TERMINATION_LOG` \| `([^`]+)`", PAGE)
    assert f"UNET_TERMINATION_LOG={name}" in (IMAGE / "runtime.Dockerfile").read_text()
