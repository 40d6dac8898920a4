"""What the machine and the operating system offer: memory, cores, files, signals."""
