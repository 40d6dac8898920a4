"""Freed memory is used again."""

import subprocess
import sys

import pytest

TOUCH = """
import resource, sys
import numpy as np
from unet.system.malloc import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(64 << 20, np.uint8)
before = faults()
for _ in range(4):
    np.ones(64 << 20, np.uint8)
print(faults() - before)
"""


def page_faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", TOUCH, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_large_arrays_that_come_again_fault_in_no_new_pages():
    assert page_faults("keep") < page_faults("leave") / 10
