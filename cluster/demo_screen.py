"""What the demo shows: its steps while they run, the table of copy, and where to look next."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cluster.jobs import is_rays_own, is_result_line


class Screen:
    """A terminal, or a plain file: every step says when it starts, how it goes, and how long it took."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self.seconds: dict[str, float] = {}

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text)

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[Step]:
        """Show a step: a clock runs beside it, its lines go above it, its summary takes its place.

        Args:
            name: short, for the summary.
            doing: what it does, for people.
        """
        self._console.print(f"[bold]{name}[/bold]: {doing}")
        begun = time.monotonic()
        step = Step(self._console)
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        ) as progress:
            progress.add_task(name)
            yield step
        self.seconds[name] = round(time.monotonic() - begun, 1)
        self._console.print(f"  [green]done[/green] in {self.seconds[name]:.0f} s  {escape(step.summary)}")

    def copy(
        self, products: Sequence[Mapping[str, str | None]], results: Sequence[Mapping[str, Any]]
    ) -> None:
        """The products and what came back for them."""
        table = Table(show_lines=True)
        table.add_column("product", ratio=3)
        table.add_column("brand", ratio=1)
        table.add_column("copy that came back over HTTP", ratio=5)
        for product, result in zip(products, results, strict=True):
            text = result.get("creative") or f"({result['error']['message']})"
            table.add_row(
                escape(product["product_name"] or ""), escape(product.get("brand") or ""), escape(text)
            )
        self._console.print()
        self._console.print(table)

    def provenance(self, model: Mapping[str, Any]) -> None:
        """Where the copy comes from; every answer says so itself."""
        alias = f" ({model['alias']})" if model.get("alias") else ""
        self._console.print(
            f"Written by [bold]{model['name']} version {model['version']}[/bold]{alias}, "
            f"run {model['run_name']}, trained on dataset {model['dataset_version']}.\n"
            "It has not seen these products: they are of the dataset's test split.\n"
        )

    def next(self, links: Sequence[tuple[str, str]]) -> None:
        """What to open or type next."""
        for what, where in links:
            self._console.print(f"[bold]{what:<15}[/bold]{escape(where)}")


class Step:
    """A step that runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.summary = ""

    def show(self, line: str) -> None:
        """Print a line that the step wrote; not the one for programs, and not what Ray adds."""
        if line.strip() and not is_result_line(line) and not is_rays_own(line):
            self._console.print(f"  [dim]{escape(line)}[/dim]")
