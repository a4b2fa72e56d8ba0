"""Metrics of Ray's own that the dashboards read, as Ray 2.60's agents show them.

Ray promises none of these names, so the story's drill (``tests/drills/test_observability.py``) finds each in
a live scrape.
"""

from __future__ import annotations

from adcraft.metric_names import Label, Metric

_STATE, _NODE = Label("State"), Label("instance")

NODE_CPU = Metric("node_cpu_utilization", "gauge", "percent", "Of a node's cores.", (_NODE,))
NODE_CPUS = Metric("node_cpu_count", "gauge", "cores", "Of a node.", (_NODE,))
NODE_MEMORY = Metric("node_mem_used", "gauge", "bytes", "In use on a node.", (_NODE,))
NODE_MEMORY_TOTAL = Metric("node_mem_total", "gauge", "bytes", "Of a node.", (_NODE,))
NODE_DISK_FREE = Metric("node_disk_free", "gauge", "bytes", "Of the disk with Ray's folder.", (_NODE,))
NODE_SENT = Metric("node_network_send_speed", "gauge", "bytes", "Sent per second.", (_NODE,))
NODE_RECEIVED = Metric("node_network_receive_speed", "gauge", "bytes", "Received per second.", (_NODE,))
RESOURCES = Metric(
    "resources",
    "gauge",
    "",
    "Logical resources.",
    (Label("Name", ("CPU", "GPU", "memory", "object_store_memory")), Label("State", ("USED", "AVAILABLE"))),
)
OBJECTS = Metric(
    "object_store_memory", "gauge", "bytes", "Objects, by where they are.", (Label("Location"), _NODE)
)
TASKS = Metric("tasks", "gauge", "tasks", "By state.", (_STATE,))
ACTORS = Metric("actors", "gauge", "actors", "By state.", (_STATE, Label("Source", ("gcs", "executor"))))
COMPONENT_MEMORY = Metric(
    "component_uss_bytes", "gauge", "bytes", "Memory of Ray's processes alone.", (Label("Component"),)
)
REPLICA_HEALTHY = Metric(
    "serve_deployment_replica_healthy",
    "gauge",
    "",
    "1 for each replica of a deployment that is healthy.",
    (Label("deployment", ("ingress", "generator", "control")), Label("application")),
)

ALL: tuple[Metric, ...] = tuple(value for value in dict(vars()).values() if isinstance(value, Metric))
