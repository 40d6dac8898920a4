"""What the machine must offer before anything is built or run; standard library alone."""
