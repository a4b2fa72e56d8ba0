"""How Ray is launched: here, on a laptop, in Docker Compose, on KubeRay."""
