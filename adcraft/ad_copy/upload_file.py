"""Ads as rows of a file that a platform's tool imports."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from adcraft.ad_copy.uploads import UploadFormat
from adcraft.errors import BriefError

_DELIMITERS = {"comma": ",", "tab": "\t"}
_OF_THE_PRODUCT = ("id", "product_name", "brand", "link", "campaign", "ad_group")


@dataclass(frozen=True)
class UploadFile:
    """One format, for the ads of one placement.

    A text that begins with ``=``, ``+``, ``-`` or ``@`` stays as it is, since these tools take cells
    literally; a spreadsheet would not.

    Attributes:
        name: of the format.
        format: what the tool takes.
        texts: asset to the columns of its texts, in a row of a catalogue's output.
        safe: the column that names those whose text is a template's.
    """

    name: str
    format: UploadFormat
    texts: Mapping[str, tuple[str, ...]]
    safe: str

    @property
    def suffix(self) -> str:
        """Of the file's name."""
        return f".{self.name}.csv"

    def check(self, placement: str) -> None:
        """Refuse a format that does not go with ``placement``; see :meth:`UploadFormat.check`."""
        self.format.check(self.name, placement, self._values({}).keys())

    def rows(self, ad: Mapping[str, str | None]) -> list[dict[str, str]]:
        """The rows of one ad, column to cell.

        Args:
            ad: a row of a catalogue's output.

        Raises:
            BriefError: the tool would read a cell as a command.
        """
        values = self._values(ad)
        rows = [
            {column: template.format_map(values) for column, template in row.items()}
            for row in self.format.rows
        ]
        for column, cell in (each for row in rows for each in row.items()):
            if cell in self.format.reserved:
                raise BriefError(
                    f"The column {column!r} of the upload would be {cell!r}, which {self.format.title} reads "
                    "as a command."
                )
        return rows

    def write(self, path: Path, ads: Iterable[Mapping[str, str | None]]) -> None:
        """Write all ads, one at a time.

        Args:
            path: a file that is not there.
            ads: rows of a catalogue's output, without those that failed.
        """
        with path.open("x", encoding=self.format.encoding, newline="") as file:
            table = csv.DictWriter(
                file, self.format.columns, delimiter=_DELIMITERS[self.format.delimiter], lineterminator="\r\n"
            )
            table.writeheader()
            for row in self.format.first:
                table.writerow({column: template.format_map({}) for column, template in row.items()})
            for ad in ads:
                table.writerows(self.rows(ad))

    def _values(self, ad: Mapping[str, str | None]) -> dict[str, str]:
        values = {name: ad.get(name) or "" for name in _OF_THE_PRODUCT}
        values["label"] = self.format.label if ad.get(self.safe) else ""
        for asset, columns in self.texts.items():
            texts = {column: ad.get(column) or "" for column in columns}
            values |= texts
            values[f"{asset}_list"] = json.dumps(
                [{"text": text} for text in texts.values() if text], ensure_ascii=False, separators=(",", ":")
            )
        return values
