"""Who is ready, who is not, and why."""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import pytest
from unet_image import check, rendezvous
from unet_image.rendezvous import Host, ask, first_rank, listening, read_answer, ssh_cause

from unet.system.errors import DataError, DiskError, PeerLostError

DATA, OUTPUT = Path("/data/task"), Path("/output/run")


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("ssh: Could not resolve hostname a: Name or service", "name does not resolve"),
        ("ssh: connect to host a port 2222: Connection refused", "connection refused"),
        ("ssh: connect to host a port 2222: Connection timed out", "no answer"),
        ("Host key verification failed.", "host key differs"),
        ("No ED25519 host key is known for [a]:2222\nHost key verification", "host key differs"),
        ("unet@a: Permission denied (publickey).", "key refused"),
        ("something new\n", "something new"),
        ("", "ssh failed without a word"),
    ],
)
def test_every_failure_of_ssh_has_a_name(said, cause):
    assert ssh_cause(said) == cause


def test_ranks_are_counted_by_slots():
    assert first_rank((Host("a", 2), Host("b", 3), Host("c", 1)), 2) == 5


def answer(**complaints: str) -> rendezvous.Answer:
    said = {"data": None, "output": None, "callback": None} | complaints
    return read_answer(1, "h", json.dumps(said), DATA, OUTPUT)


def test_answers_of_a_worker():
    assert answer().cause is None
    assert isinstance(answer(data="No such file").error, DataError)
    assert isinstance(answer(output="Read-only").error, DiskError)
    # A callback may work a second later: not an end.
    assert answer(callback="timed out").error is None
    assert answer(callback="timed out").cause == "cannot reach the launcher: timed out"


def test_unknown_host_is_not_asked():
    assert ask("no-such-host.invalid", 0, DATA, OUTPUT, 1).cause == "name does not resolve"


def test_check_says_what_the_worker_sees(tmp_path):
    assert check.data_complaint(tmp_path) == "No such file or directory"
    (tmp_path / "dataset.json").write_text("{")
    assert check.data_complaint(tmp_path) == "dataset.json is no JSON"
    (tmp_path / "dataset.json").write_text("{}")
    assert check.data_complaint(tmp_path) is None
    assert check.output_complaint(tmp_path / "a" / "b") is None
    assert list((tmp_path / "a" / "b").iterdir()) == []
    assert check.output_complaint(tmp_path / "dataset.json") is not None


def test_launcher_is_reached_while_it_listens():
    with listening() as port:
        assert check.callback_complaint(f"127.0.0.1:{port}") is None
    assert check.callback_complaint(f"127.0.0.1:{port}") is not None


def meet(tmp_path, monkeypatch, returncode: int, stdout: str = "", stderr: str = "") -> int:
    """Runs a rendezvous of one host whose ssh answers so."""
    hostfile = tmp_path / "hosts"
    hostfile.write_text("127.0.0.1:1\n")
    done = subprocess.CompletedProcess([], returncode, stdout, stderr)
    monkeypatch.setattr(
        rendezvous,
        "ask",
        lambda host, rank, data, output, port: ask(
            host, rank, data, output, port, lambda *_args, **_options: done
        ),
    )
    monkeypatch.setenv("UNET_TERMINATION_LOG", str(tmp_path / "log"))
    return rendezvous.run(
        argparse.Namespace(hostfile=hostfile, data=DATA, output=OUTPUT, timeout=0.2)
    )


def test_all_ready_is_done(tmp_path, monkeypatch, capsys):
    assert meet(tmp_path, monkeypatch, 0, '{"data": null}') == 0
    assert capsys.readouterr().out.splitlines() == [
        "event=rendezvous rank=0 host=127.0.0.1 state=ready",
        "event=rendezvous ready=1/1",
    ]


def test_unreadable_data_ends_it_at_once(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"cannot read /data/task/dataset\.json: denied"):
        meet(tmp_path, monkeypatch, 0, '{"data": "denied"}')
    told = json.loads((tmp_path / "log").read_text())
    assert (told["kind"], told["code"], told["rank"]) == ("rendezvous", 10, 0)


def test_host_that_never_answers_is_named_when_time_is_up(tmp_path, monkeypatch):
    with pytest.raises(PeerLostError, match=r"127\.0\.0\.1\): connection refused"):
        meet(tmp_path, monkeypatch, 255, "", "Connection refused")
    assert json.loads((tmp_path / "log").read_text())["ready"] == 0
