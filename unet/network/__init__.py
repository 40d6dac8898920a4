"""The network and what trains it: layers, model, losses, schedule, EMA, saved bundle."""
