"""Whoever starts it, a proxy for downloads is not asked for 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from machinelib.proxy import spare_loopback

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "internal"}, "internal,127.0.0.1,localhost"),
        ({"no_proxy": "localhost, .svc"}, "localhost,.svc,127.0.0.1"),
        ({"no_proxy": "*"}, "*"),
        ({"no_proxy": "127.0.0.1,localhost"}, "127.0.0.1,localhost"),
    ],
)
def test_loopback_is_added_once_and_the_rest_stays(before: dict[str, str], after: str):
    spare_loopback(before)
    assert before == {"no_proxy": after, "NO_PROXY": after}


def test_make_hands_it_to_what_it_runs():
    words = ["make", "-s", "-C", str(CHECKOUT), "--eval", "show: ; @echo $$no_proxy $$NO_PROXY"]
    environment = os.environ | {"https_proxy": "http://127.0.0.1:1", "no_proxy": "internal"}
    environment.pop("NO_PROXY", None)
    shown = subprocess.run([*words, "show"], env=environment, capture_output=True, text=True)
    assert shown.stdout.split() == ["internal,127.0.0.1,localhost"] * 2, shown.stderr


def test_a_test_reaches_its_own_server_beside_a_proxy(monkeypatch: pytest.MonkeyPatch):
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
            assert answer.status == 204
        server.shutdown()
