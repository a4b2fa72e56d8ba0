"""What goes to MLflow: runs, curves, the registry of models."""
