"""How many replicas: the measured curve of one, and the limits that follow from it."""
