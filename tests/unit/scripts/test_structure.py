"""The figures of how the code is built."""

from pathlib import Path

import structure
from structure import Tree

SOURCE = '''"""A module."""


def short():
    return 1  # fmt: skip


class Thing:
    async def method(self):
        """Says # fmt: skip, and means nothing by it."""

        def inner():
            pass
'''


def make_tree(root: Path) -> Tree:
    files = {
        "unet/a.py": SOURCE,
        "unet/build/b.py": "x = 1\n",
        "demo/run": "#!/usr/bin/env python3\nx = 1  # fmt: off\n",
        "image/build": "#!/bin/bash\n# fmt: skip\n",
        "build/made.py": SOURCE,
        ".venv/lib.py": SOURCE,
        "tests/unit/data/test_a.py": "x = 1\ny = 2\n",
        "tests/unit/operator/loop/test_b.py": "x = 1\n",
        "tests/mpi/modules/c.py": "x = 1\n",
        "tests/conftest.py": "x = 1\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Tree(root)


def test_python_is_known_by_its_suffix_or_its_first_line(tmp_path: Path):
    assert make_tree(tmp_path).lines(tests=False) == {
        "demo/run": 2,
        "unet/a.py": 13,
        "unet/build/b.py": 1,
    }


def test_a_function_is_as_long_as_from_its_def_to_its_last_line(tmp_path: Path):
    assert make_tree(tmp_path).functions() == {
        "unet/a.py:short:4": 2,
        "unet/a.py:method:9": 5,
        "unet/a.py:inner:12": 2,
    }


def test_orders_to_the_formatter_are_counted(tmp_path: Path):
    assert make_tree(tmp_path).fmt_skip() == 2


def test_lines_of_tests_are_counted_by_suite_and_room(tmp_path: Path):
    assert structure.test_lines(make_tree(tmp_path).lines(tests=True)) == {
        ".": 1,
        "mpi": 1,
        "unit/data": 2,
        "unit/operator/loop": 1,
    }


def test_a_command_that_fails_has_no_time(tmp_path: Path):
    assert structure.cpu_seconds(["-c", "exit(3)"], tmp_path) is None
    assert 0 < (structure.cpu_seconds(["-c", "sum(range(1000))"], tmp_path) or 0) < 5
