"""Which column of a stranger's feed holds which field."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from adcraft.errors import FeedError
from adcraft.workload import Workload

ColumnMap = Mapping[str, tuple[str, ...]]
"""Field to its columns, best first: a row's value is the first of them that is not empty."""

_BRACKETED = re.compile(r"[(\[{].*?[)\]}]")
_SEPARATORS = re.compile(r"[\W_]+")
_SHOWN_COLUMNS = 40


def plain_name(column: str) -> str:
    """A column's name as it is compared: ``Product_Name``, ``productName`` and ``product name`` are
    one, and so are ``Price (INR)`` and ``price``.
    """
    return _SEPARATORS.sub("", _BRACKETED.sub("", column).casefold())


@dataclass(frozen=True)
class ColumnRules:
    """How columns are recognised.

    Attributes:
        names: field to the plain names that it goes by, best first.
        explicit: field to the one column that the settings give it.
        target_fields: fields that can hold the text to learn, best first; none where nothing is learnt.
        required: fields without which a feed is of no use.
    """

    names: Mapping[str, tuple[str, ...]]
    explicit: Mapping[str, str]
    target_fields: tuple[str, ...]
    required: tuple[str, ...]

    @classmethod
    def of(cls, workload: Workload, explicit: Mapping[str, str]) -> ColumnRules:
        """The rules of a workload, with the settings' own mapping.

        Raises:
            FeedError: the mapping names a field that the workload does not have.
        """
        fields = [field.name for field in workload.fields]
        for field in explicit:
            if field not in fields:
                raise FeedError(
                    f"data.columns.{field}: there is no such field.{_did_you_mean(field, fields)} "
                    f"Fields: {', '.join(fields)}."
                )
        return cls(
            names={
                field.name: tuple(plain_name(name) for name in (field.name, *field.aliases))
                for field in workload.fields
            },
            explicit=dict(explicit),
            target_fields=workload.target_fields,
            required=tuple(field.name for field in workload.fields if field.required),
        )

    def recognise(self, header: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Field to columns, for the fields that ``header`` has."""
        taken = set(self.explicit.values())
        by_name: dict[str, list[str]] = {}
        for column in header:
            if column not in taken:
                by_name.setdefault(plain_name(column), []).append(column)
        found: dict[str, tuple[str, ...]] = {}
        for field, names in self.names.items():
            if field in self.explicit:
                columns = [self.explicit[field]] if self.explicit[field] in header else []
            else:
                columns = [column for name in names for column in by_name.get(name, ())]
            if columns:
                found[field] = tuple(dict.fromkeys(columns))
        return found

    def learning(self, target: str, header: Sequence[str]) -> ColumnRules:
        """These rules with ``data.target``: a field, a column of one, or a column that no field is
        read from, which then becomes the best of the target fields.

        Raises:
            FeedError: the feed has no such column.
        """
        if not target:
            return self
        found = self.recognise(header)
        if target in found:
            return replace(self, target_fields=(target,))
        column = _exact_or_alike(target, header)
        if column is None:
            raise FeedError(
                f"data.target = {target!r}: the feed has no such column."
                f"{_did_you_mean(target, header)} {describe(header)}"
            )
        for field, columns in found.items():
            if column in columns:
                return replace(self, target_fields=(field,), explicit={**self.explicit, field: column})
        field = self.target_fields[0]
        return replace(self, target_fields=(field,), explicit={**self.explicit, field: column})

    def check(self, header: Sequence[str], where: str) -> dict[str, tuple[str, ...]]:
        """The mapping for the feed file ``where``.

        Raises:
            FeedError: a column that the settings name, a required field, or a text to learn is absent.
        """
        for field, column in self.explicit.items():
            if column not in header:
                raise FeedError(
                    f"{where} has no column {column!r}, which {field} is to be read from."
                    f"{_did_you_mean(column, header)} {describe(header)}"
                )
        found = self.recognise(header)
        for field in self.required:
            if field not in found:
                raise FeedError(
                    f"{where} has no column that looks like {field}. {describe(header)} Set "
                    f"data.columns.{field} to the right one."
                )
        if self.target_fields and not any(field in found for field in self.target_fields):
            raise FeedError(
                f"{where} has no column with a text to learn: none looks like "
                f"{' or '.join(self.target_fields)}. {describe(header)} Set data.target to the right one."
            )
        return found


def describe(header: Sequence[str]) -> str:
    """A sentence that lists a feed's columns."""
    shown = ", ".join(repr(column) for column in header[:_SHOWN_COLUMNS])
    more = f" and {len(header) - _SHOWN_COLUMNS} more" if len(header) > _SHOWN_COLUMNS else ""
    return f"Its columns: {shown}{more}."


def _exact_or_alike(name: str, header: Sequence[str]) -> str | None:
    if name in header:
        return name
    return next((column for column in header if plain_name(column) == plain_name(name)), None)


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
