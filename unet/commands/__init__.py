"""One file for each command of `python -m unet`: arguments in, one call, exit code out."""
