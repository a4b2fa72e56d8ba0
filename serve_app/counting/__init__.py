"""What replicas count, and what the control replica adds up: /stats, /logs, /metrics."""
