"""The course's training command for one machine.  See docs/course.md."""

import sys

from unet.course.train import train_main

if __name__ == "__main__":
    sys.exit(train_main("train.py"))
