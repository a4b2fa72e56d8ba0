"""Search spaces, schedulers and sweeps over the one training driver."""
