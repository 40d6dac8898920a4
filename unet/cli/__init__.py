"""The commands of `python -m unet`: reading arguments and printing, nothing else."""
