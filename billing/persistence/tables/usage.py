"""Usage events, counters, the file registry and what could not be taken."""
