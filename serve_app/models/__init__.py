"""Which models a generator has in memory, and how they come there."""
