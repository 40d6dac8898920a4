"""Runs a command's module as `python -m unet` would, but lets its errors pass."""

from types import ModuleType


def run_command(module: ModuleType, *words: object) -> int:
    """Returns the exit code of the command with these arguments."""
    command = module.COMMAND
    return command.execute(command.parser("command", ""), [str(word) for word in words])
