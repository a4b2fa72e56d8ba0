"""What the service promises: dashboards draw it, recording rules measure it, alerts watch it."""

from __future__ import annotations

PREDICT = ("/predict", "/batch_predict")
"""Routes that give copy; what is promised is about them."""

ERROR = "5.."
"""Statuses that are the service's fault. 429, with when to come back, is none."""

WITHOUT_ERROR = 0.995
"""Share of requests, over 30 days, that are answered without one."""

LATENCY_S = 2.0
"""Within which 95 of 100 requests are answered."""

BUSY = 0.9
"""Share of their time in calls above which engines have no room."""

REFUSED = 0.02
"""Share of requests told to come back above which there are too few replicas."""
