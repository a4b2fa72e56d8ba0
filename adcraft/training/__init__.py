"""The training driver: one T5 fine-tune on Ray Train, for any workload."""
