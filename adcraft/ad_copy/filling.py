"""Templates of settings and data files: text with the names of values in braces, such as ``/p/{id}``."""

from __future__ import annotations

from string import Formatter


def names_in(template: str) -> tuple[str, ...]:
    """The names that stand in braces, in order, with repeats. ``template.format_map`` fills it in.

    Raises:
        ValueError: a brace is alone (a literal one is doubled), or has more than a name in it.
    """
    names = []
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if spec or conversion or not name.isidentifier():
            raise ValueError(f"{template!r} has more than a name, or none, in braces")
        names.append(name)
    return tuple(names)
