"""The HTTP application beside what a user would build instead: parts of ``benchmarks.serve``."""
