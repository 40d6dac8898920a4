"""The network: its layers, its losses, and the files of a trained one."""
