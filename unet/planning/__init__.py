"""From fingerprint, memory, cores and deadline to a plan, with its reasons."""
