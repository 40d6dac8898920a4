"""`python -m unet`."""

import sys

from unet.cli.main import main

sys.exit(main())
