"""How the process starts and ends: what is missing is said in one line."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.operator_process import OperatorProcess

pytestmark = pytest.mark.integration


def start(tmp_path: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the operator until it ends by itself."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **settings}
    return subprocess.run(
        [sys.executable, "-m", "unet_operator.app"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UNET_OPERATOR_WORKERS", "none"),
        ("UNET_OPERATOR_PORT", "0"),
        ("UNET_OPERATOR_LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_line(tmp_path, name, value):
    ended = start(tmp_path, **{name: value})
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"{name}: '{value}'")


def test_without_a_cluster_it_ends_and_says_so(tmp_path):
    ended = start(tmp_path)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert "KUBECONFIG" in ended.stderr


def test_a_port_that_is_taken_ends_it_and_is_named(apart, tmp_path):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        operator = OperatorProcess(apart, tmp_path, settings={"UNET_OPERATOR_PORT": port}).start(
            wait=False
        )
        try:
            assert operator.process.wait(120) != 0
        finally:
            operator.close()
    said = operator.log_file.read_text()
    assert f"port {port}" in said
    assert "Traceback" not in said


def test_the_console_script_is_the_same_program(tmp_path):
    script = Path(sys.executable).with_name("unet-operator")
    assert script.exists() or shutil.which("unet-operator")
    environment = {"PATH": os.environ["PATH"], "UNET_OPERATOR_QPS": "fast"}
    ended = subprocess.run(
        [str(script)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("UNET_OPERATOR_QPS: 'fast'")


def test_asked_to_end_it_does_so_in_good_order(apart, tmp_path):
    operator = OperatorProcess(apart, tmp_path).start()
    try:
        apart.wait_until("it leads", lambda: operator.leads)
        assert operator.get("/healthz") == (200, "ok")
        assert operator.stop() == 0
    finally:
        operator.close()
    assert not apart.get("lease", "unet-operator")["spec"].get("holderIdentity")
    levels = {line["level"] for line in operator.log()}
    assert levels <= {"info"}, operator.log_file.read_text()
