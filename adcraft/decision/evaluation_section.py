"""Tables that a record carries beside its compared scores, whatever they are of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, model_validator

_NOT_IN_A_NAME = re.compile(r"[^\w -]")


class Frozen(BaseModel):
    """Base of all that is kept in a record."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Frozen):
    """One column of a table.

    Attributes:
        key: in the names of metrics.
        label: for people, with the unit.
        digits: after the point, of its figures.
    """

    key: str
    label: str
    digits: int = 0


class Row(Frozen):
    """One row of a table.

    Attributes:
        name: what it is of, from the general to the particular.
        cells: one for each column; None where there is nothing to tell.
    """

    name: tuple[str, ...]
    cells: tuple[float | str | None, ...]


class Table(Frozen):
    """Figures side by side.

    Attributes:
        key: in the names of metrics.
        title: for people.
        note: how its figures were made, in a sentence or two.
    """

    key: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @model_validator(mode="after")
    def _is_full(self) -> Table:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"{row.name} has {len(row.cells)} cells, for {len(self.columns)} columns")
        return self

    def lines(self) -> Iterator[tuple[str, ...]]:
        """What is shown of each row: its name, then its cells."""
        for row in self.rows:
            cells = zip(row.cells, self.columns, strict=True)
            yield " ".join(row.name), *(_shown(cell, column.digits) for cell, column in cells)


class Section(Frozen):
    """Tables about one subject.

    Attributes:
        title: for people.
        about: what was looked at.
    """

    title: str
    about: str
    tables: tuple[Table, ...]

    @property
    def figures(self) -> dict[str, float]:
        """All figures by the names that they have as metrics: ``<table>/<row>/<column>``."""
        return {
            "/".join((table.key, *(_NOT_IN_A_NAME.sub("_", part) for part in row.name), column.key)): cell
            for table in self.tables
            for row in table.rows
            for column, cell in zip(table.columns, row.cells, strict=True)
            if isinstance(cell, float)
        }


def _shown(cell: float | str | None, digits: int) -> str:
    return "-" if cell is None else cell if isinstance(cell, str) else f"{cell:.{digits}f}"
