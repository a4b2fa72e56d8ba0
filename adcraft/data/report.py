"""The manifest as a page of text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adcraft.data.manifest import Manifest, SourceFile

_SHOWN_FILES = 5
_SHOWN_SOURCE = 160
_GUESSED = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "ascii")
_LARGE_PRODUCT = 0.05


def render(manifest: Manifest, rejected: Sequence[Mapping[str, Any]]) -> str:
    """The report.

    Args:
        manifest: of the dataset.
        rejected: rows to show as examples, with file, row, reason, detail and source.
    """
    rows = manifest.rows
    sections = [
        f"Dataset version {manifest.version} ({manifest.workload})",
        _source(manifest),
        _table(
            "Rows",
            [
                ("in", rows.read, ""),
                ("kept", rows.kept, _share(rows.kept, rows.read)),
                ("rejected", rows.rejected, _share(rows.rejected, rows.read)),
                ("duplicates", rows.duplicates, _share(rows.duplicates, rows.read)),
            ],
        ),
        _table("Why rows were rejected", _counted(manifest.reasons, rows.rejected)),
        _examples(rejected),
        _table("Values left out, not of their field's kind", _counted(manifest.blanked, rows.read)),
        _table(
            "Splits (a product is never in two)",
            [
                (name, split.rows, f"{split.products:,} products, {_share(split.rows, rows.kept)}")
                for name, split in manifest.splits.items()
            ],
        ),
        _table("The text to learn is taken from", _counted(manifest.target_fields, rows.kept)),
        _columns(manifest),
        _warnings(manifest),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _source(manifest: Manifest) -> str:
    files = manifest.source.files
    lines = ["Feed"]
    for file in files[:_SHOWN_FILES]:
        how = ", ".join(text for text in (file.format, file.encoding, _delimiter(file)) if text)
        lines.append(f"  {file.name}: {file.rows:,} rows ({how})")
    if len(files) > _SHOWN_FILES:
        lines.append(f"  and {len(files) - _SHOWN_FILES} more files")
    return "\n".join(lines)


def _delimiter(file: SourceFile) -> str:
    return f"delimiter {file.delimiter!r}" if file.delimiter else ""


def _columns(manifest: Manifest) -> str:
    """One line a field: where it came from, how often it is there, how long it is."""
    sources: dict[str, dict[str, None]] = {}
    unused: dict[str, None] = {}
    for file in manifest.source.files:
        for field, columns in file.columns.items():
            sources.setdefault(field, {}).update(dict.fromkeys(columns))
        unused.update(dict.fromkeys(file.unused))
    lines: list[Sequence[str]] = [("field", "empty", "median", "p95", "longest", "read from")]
    for name, nulls in manifest.nulls.items():
        length = manifest.lengths.get(name)
        if length is None:
            continue
        figures = [f"{figure:,}" for figure in (length.median, length.p95, length.longest)]
        origin = ", else ".join(sources.get(name, {}))
        lines.append((name, _share(nulls, manifest.rows.kept), *figures, origin))
    text = "Fields of the kept rows (lengths in characters)\n" + _aligned(lines)
    absent = [name for name in manifest.nulls if name not in manifest.lengths]
    if absent:
        text += f"\n  without any value: {', '.join(absent)}"
    if unused:
        text += f"\n  columns that are not used: {', '.join(unused)}"
    return text


def _examples(rejected: Sequence[Mapping[str, Any]]) -> str:
    if not rejected:
        return ""
    lines = [
        f"  {row['file']}:{row['row']}: {row['reason']} ({row['detail']}): "
        f"{' '.join(row['source'].split())[:_SHOWN_SOURCE]}"
        for row in rejected
    ]
    return "The first of each (all are in rejected/)\n" + "\n".join(lines)


def _warnings(manifest: Manifest) -> str:
    lines = [
        f"{file.name} was read as {file.encoding}, by its looks. Set data.encoding if letters are wrong."
        for file in manifest.source.files
        if file.encoding and file.encoding not in _GUESSED and not manifest.settings.get("encoding")
    ]
    kept = manifest.rows.kept
    if kept > 100 and manifest.largest_product > _LARGE_PRODUCT * kept:
        lines.append(
            f"{manifest.largest_product:,} of {kept:,} rows count as one product, since they share ids or "
            "names. Is the column that id is read from one of ids?"
        )
    empty = [name for name, split in manifest.splits.items() if not split.rows]
    if empty:
        lines.append(f"Too few products to split: nothing in {' and '.join(empty)}.")
    return "\n".join(f"Note: {line}" for line in lines)


def _counted(counts: Mapping[str, int], total: int) -> list[tuple[str, int, str]]:
    return [(name, count, _share(count, total)) for name, count in counts.items()]


def _table(title: str, lines: Sequence[tuple[str, int, str]]) -> str:
    if not lines:
        return ""
    width = max(len(name) for name, _, _ in lines)
    digits = max(len(f"{count:,}") for _, count, _ in lines)
    body = [f"  {name:<{width}}  {f'{count:,}':>{digits}}  {note}".rstrip() for name, count, note in lines]
    return "\n".join([title, *body])


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """A table: the first and last column flush left, those between flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    last = len(widths) - 1
    return "\n".join(
        "  "
        + "  ".join(
            text.rjust(width) if 0 < index < last else text.ljust(width)
            for index, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f}%" if total else ""
