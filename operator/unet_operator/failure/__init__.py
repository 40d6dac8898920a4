"""Why something ended (a Failure), why it does not start (an Obstacle), and what follows."""
