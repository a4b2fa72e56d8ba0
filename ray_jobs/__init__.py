"""What ``ray job submit`` runs: thin entry points over :mod:`adcraft` and :mod:`tuning`."""
