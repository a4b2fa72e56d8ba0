"""The HTTP interface: routes, schemas, limits, and every error in the one shape. Knows nothing of Ray."""
