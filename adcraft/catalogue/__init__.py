"""Copy for a whole catalogue in one job: survey, cut into slices, write them, assemble the output."""
