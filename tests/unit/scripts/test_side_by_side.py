"""How `make test` deals tests out to two processes: what shares a cluster stays together."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
RULES = runpy.run_path(str(TESTS / "conftest.py"))
FIXTURES = {"kube", "two_nodes"}
"""Those of support.throwaway_cluster, whose one name only one process may use at a time."""


def scope(nodeid: str) -> str:
    """What the test is kept together with."""
    scheduler = RULES["OneCluster"]
    return str(scheduler._split_scope(object.__new__(scheduler), nodeid))


def arguments(file: Path) -> set[str]:
    """The names that functions of a file ask for."""
    functions = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.FunctionDef)]
    return {each.arg for function in functions for each in function.args.args}


def test_whoever_starts_a_cluster_of_the_tests_own_is_on_one_process():
    files = [file for file in TESTS.rglob("test_*.py") if arguments(file) & FIXTURES]
    assert files
    assert {scope(f"{file.relative_to(TESTS.parent)}::test") for file in files} == {"own cluster"}


def test_those_that_are_named_are_there():
    assert [
        file for file in RULES["ON_A_CLUSTER_OF_THEIR_OWN"] if not (TESTS.parent / file).exists()
    ] == []


@pytest.mark.parametrize("fixture", ["kubectl", "namespace", "operator"])
def test_whoever_asks_for_the_cluster_is_on_the_process_of_the_cluster(fixture: str):
    files = [
        file
        for folder in ("e2e", "integration")
        for file in (TESTS / folder).rglob("test_*.py")
        if fixture in arguments(file) and not arguments(file) & FIXTURES
    ]
    assert files
    assert {scope(f"{file.relative_to(TESTS.parent)}::test[1]") for file in files} == {"cluster"}


def test_all_others_are_dealt_out_by_file():
    assert scope("tests/unit/cli/test_a.py::TestAll::test_b[x::y]") == "tests/unit/cli/test_a.py"
    assert scope("tests/mpi/test_launch.py::test_a") == "tests/mpi/test_launch.py"
