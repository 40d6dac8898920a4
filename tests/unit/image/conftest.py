"""Makes the image's own package importable; it is installed in the image only."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "image" / "training"))
