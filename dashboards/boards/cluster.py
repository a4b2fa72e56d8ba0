"""Cluster: nodes, memory, and what Ray is doing with them."""

from __future__ import annotations

from dashboards import rays_own as ray
from dashboards.model import Dashboard, Panel, Row, Target
from dashboards.query import largest, latest

_cpus_used = latest(ray.RESOURCES, Name="CPU", State="USED")
_cpus = latest(ray.RESOURCES, Name="CPU")

_NODES = Row(
    "Nodes",
    (
        Panel(
            "Nodes",
            "That tell Prometheus how they are.",
            (Target(latest(ray.NODE_CPUS, of="count"), "nodes"),),
            look="number",
            width=6,
            height=4,
            decimals=0,
        ),
        Panel(
            "CPUs taken",
            "Share of Ray's logical CPUs that tasks and actors hold. At 100% new ones wait.",
            (Target(_cpus_used / _cpus, "taken"),),
            "percentunit",
            "number",
            width=6,
            height=4,
            decimals=0,
        ),
        Panel(
            "Memory in use",
            "Of all nodes together. Above 95% of a node, Ray ends its newest workers.",
            (Target(latest(ray.NODE_MEMORY) / latest(ray.NODE_MEMORY_TOTAL), "memory"),),
            "percentunit",
            "number",
            width=6,
            height=4,
            limit=0.9,
            decimals=0,
        ),
        Panel(
            "Disk that is free",
            "On the node that has the least. Ray spills objects there, and stops at 95% full.",
            (Target(latest(ray.NODE_DISK_FREE, of="min"), "free"),),
            "bytes",
            "number",
            width=6,
            height=4,
        ),
        Panel(
            "CPU by node",
            "Of its cores, by whatever runs there.",
            (Target(latest(ray.NODE_CPU, "instance", of="max"), "{{instance}}"),),
            "percent",
            most=100,
            decimals=0,
        ),
        Panel(
            "Memory by node",
            "In use.",
            (Target(latest(ray.NODE_MEMORY, "instance", of="max"), "{{instance}}"),),
            "bytes",
        ),
        Panel(
            "Network",
            "Bytes per second, all nodes together.",
            (
                Target(latest(ray.NODE_SENT), "sent"),
                Target(latest(ray.NODE_RECEIVED), "received"),
            ),
            "Bps",
        ),
    ),
)

_RAY = Row(
    "Ray",
    (
        Panel(
            "Logical CPUs",
            "That Ray has given away, and has.",
            (Target(_cpus_used, "taken"), Target(_cpus, "all")),
            decimals=1,
        ),
        Panel(
            "Objects in memory",
            "By where they are. SPILLED is on disk, and slow.",
            (Target(latest(ray.OBJECTS, "Location"), "{{Location}}"),),
            "bytes",
            stacked=True,
        ),
        Panel(
            "Memory of Ray's processes",
            "What would be free if they ended: of the six kinds that take most. 'ray::...' are workers and "
            "replicas.",
            (Target(largest(6, latest(ray.COMPONENT_MEMORY, "Component")), "{{Component}}"),),
            "bytes",
            stacked=True,
        ),
        Panel(
            "Tasks by state",
            "That are not over. Many that are PENDING want CPUs that nobody has.",
            (Target(latest(ray.TASKS, "State", State="!FINISHED") > 0, "{{State}}"),),
            decimals=0,
        ),
        Panel(
            "Actors by state",
            "Replicas, workers of training and trials are actors. RESTARTING ones died.",
            (Target(latest(ray.ACTORS, "State", Source="gcs"), "{{State}}"),),
            decimals=0,
        ),
        Panel(
            "Serve's replicas",
            "That are healthy, by deployment.",
            (Target(latest(ray.REPLICA_HEALTHY, "deployment"), "{{deployment}}"),),
            decimals=0,
        ),
    ),
)

CLUSTER = Dashboard(
    "cluster",
    "Cluster",
    "Which nodes are there, what is left of them, and what is Ray doing with them?",
    (_NODES, _RAY),
)
