"""API keys: their file, the command that makes them, and when a server needs one."""
