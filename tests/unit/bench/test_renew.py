"""One command measures what it can, keeps it, and renews the page."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import renew
from common import ROOT
from page import Result, render

PAGE = "# Page\n\n<!-- results memory -->\nold\n<!-- end -->\n\nwords\n"


def result(**found: object) -> Result:
    return Result("python bench/memory.py", "a machine", "2026-01-02", 1.5, "key", found)


def test_a_table_tells_machine_date_command_and_time() -> None:
    page = render(PAGE, {"memory": result(ratio={"min": 1.0, "median": 2.0, "max": 3.0})})
    for part in ("a machine", "2026-01-02", "python bench/memory.py", "1.5 minutes"):
        assert part in page
    assert "| ratio | 2 (1 … 3) |" in page
    assert "old" not in page
    assert page.endswith("words\n")
    assert render(page, {"memory": result(ratio={"min": 1.0, "median": 2.0, "max": 3.0})}) == page


def test_nested_figures_get_their_full_name() -> None:
    found = result(variants={"a_b": {"peak": 3.0}}, curve=[[1, 2]], patch=[4, 5, 6])
    page = render(PAGE, {"memory": found})
    assert "| variants: a b: peak | 3 |" in page
    assert "\npatch 4 x 5 x 6.\n" in page
    assert "curve" not in page


def test_ratios_come_first_and_what_is_for_programs_stays_in_the_file() -> None:
    found = result(seconds=12345.0, peak_bytes={"ours": 5.0}, ratio=1.25)
    page = render(PAGE, {"memory": found})
    assert page.index("| ratio | 1.25 |") < page.index("| seconds | 12,345 |")
    assert "peak bytes" not in page


def test_what_is_not_measured_says_so() -> None:
    assert "Not measured yet." in render(PAGE, {})


def test_a_result_without_a_place_is_an_error() -> None:
    with pytest.raises(SystemExit, match="results scaling"):
        render(PAGE, {"scaling": result()})


def test_every_benchmark_has_its_place_on_the_page() -> None:
    page = (ROOT / "docs/benchmarks.md").read_text()
    for name in renew.BENCHMARKS:
        assert f"<!-- results {name} -->" in page


def test_the_page_holds_what_the_stored_results_say() -> None:
    page = (ROOT / "docs/benchmarks.md").read_text()
    files = (ROOT / "bench/results").glob("*.json")
    results = {file.stem: Result(**json.loads(file.read_text())) for file in files}
    assert render(page, results) == page


def test_what_cannot_be_measured_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    command = [sys.executable, str(ROOT / "bench/renew.py"), "--page", str(page)]
    command += ["--results", str(tmp_path), "--only", "quality"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "quality: needs --peer-python" in done.stderr
