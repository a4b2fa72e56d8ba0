"""Trees as YAML in which a text of several lines stands as it is."""

from __future__ import annotations

from typing import Any


def to_yaml(tree: Any) -> str:
    """The text of a tree of plain values; keys stay in their order."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    dumped: str = yaml.dump(tree, Dumper=Dumper, sort_keys=False, width=1000, allow_unicode=True)
    return dumped
