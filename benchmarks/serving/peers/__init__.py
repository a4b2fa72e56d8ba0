"""What a user would build instead, each a process of its own: ``python -m benchmarks.serving.peers.NAME``."""
