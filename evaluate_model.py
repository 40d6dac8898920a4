"""The course's evaluation command.  See docs/course.md."""

import sys

from unet.course.evaluate import evaluate_main

if __name__ == "__main__":
    sys.exit(evaluate_main("evaluate_model.py"))
