"""A data set like the course's, small."""

from pathlib import Path

import pytest

from unet.data.phantom import make_phantom


@pytest.fixture(scope="session")
def brains(tmp_path_factory) -> Path:
    """Seven cases: five train, one validates, one tests."""
    folder = tmp_path_factory.mktemp("course") / "Task01_BrainTumour"
    make_phantom(folder, "Task01_BrainTumour", 7, 0)
    return folder
