"""A text file as a stream of UTF-8, whatever it was written in."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from adcraft.errors import FeedError

_BOMS = (  # longest first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PIECE = 1 << 20
_PROBES = 64
_PROBE = 1 << 16
# Encodings with more than one byte a character can't mark a single wrong byte as ``surrogateescape`` does.
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
_WIDE = ("utf-16", "utf-32")
_WESTERN = "cp1252"
_ESCAPED = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_UNPACK: dict[str, Callable[[str], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
COMPRESSED = tuple(_UNPACK)


@dataclass(frozen=True)
class TextStream:
    r"""A text file and how to read it.

    Attributes:
        path: of the file; ``.gz``, ``.bz2`` and ``.xz`` are unpacked on the way.
        encoding: Python's name of it.
        newline: what ends its lines: ``\n`` (``\r\n`` too) or ``\r``.
    """

    path: str
    encoding: str
    newline: str = "\n"

    def pieces(self) -> Iterator[bytes]:
        """The file as UTF-8 without BOM, in pieces of about 1 MiB. What can't be decoded comes as
        bytes that are not valid UTF-8, so that whoever splits it into rows finds the row.

        Raises:
            FeedError: the file can't be read.
        """
        wide = self.encoding.startswith(_WIDE)
        errors = "replace" if wide else "surrogateescape"
        decoder = None if self.encoding in _UTF8 else codecs.getincrementaldecoder(self.encoding)(errors)
        try:
            with open_binary(self.path) as file:
                piece = file.read(_PIECE).removeprefix(codecs.BOM_UTF8 if decoder is None else b"")
                while piece:
                    following = file.read(_PIECE)
                    if decoder:
                        text = decoder.decode(piece, final=not following)
                        if wide:
                            text = text.replace("\ufffd", "\udcff")
                        piece = text.encode("utf-8", "surrogateescape")
                    yield piece.replace(b"\r", b"\n") if self.newline == "\r" else piece
                    piece = following
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise unreadable(self.path, error) from None


def open_binary(path: str) -> BinaryIO:
    """Open a file for reading, unpacked."""
    unpack = _UNPACK.get(Path(path).suffix.lower())
    return cast("BinaryIO", unpack(path)) if unpack else Path(path).open("rb")


def unreadable(path: str, error: Exception) -> FeedError:
    """The error for a file that can't be read."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return FeedError(f"The feed file {path} can't be read: {reason}.")


def detect(path: str, encoding: str = "") -> TextStream:
    """How to read a text file.

    A BOM decides, else ``encoding``, else whether samples from the whole file are UTF-8, else what
    charset-normalizer makes of them.

    Raises:
        FeedError: the file can't be read, or is not text.
    """
    try:
        head, probes = _samples(path)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise unreadable(path, error) from None
    bom = next((name for mark, name in _BOMS if head.startswith(mark)), "")
    found = bom or encoding or _wide(head) or _narrow(path, [head, *probes])
    found = codecs.lookup(found).name
    text = head.decode(found, "ignore")
    newline = "\r" if "\r" in text and "\n" not in text else "\n"
    return TextStream(path, found, newline)


def _samples(path: str) -> tuple[bytes, list[bytes]]:
    """The file's first MiB, and pieces from the rest of it where it can be sought."""
    with open_binary(path) as file:
        head = file.read(_PIECE)
        if path.lower().endswith(COMPRESSED) or len(head) < _PIECE:
            return head, []
        size = file.seek(0, io.SEEK_END)
        stride = max(_PROBE, (size - _PIECE) // _PROBES)
        probes = []
        for start in range(_PIECE, size, stride):
            file.seek(start)
            probes.append(file.read(_PROBE))
        return head, probes


def _wide(head: bytes) -> str:
    """UTF-16 without a BOM: in text, every other byte of it is zero."""
    sample = head[:4096]
    half = len(sample) // 2
    if half and sample[1::2].count(0) > 0.4 * half and sample[0::2].count(0) < 0.05 * half:
        return "utf-16-le"
    if half and sample[0::2].count(0) > 0.4 * half and sample[1::2].count(0) < 0.05 * half:
        return "utf-16-be"
    return ""


def _narrow(path: str, samples: list[bytes]) -> str:
    valid = wrong = 0
    for sample in samples:
        if sample.isascii():
            continue
        # A probe may begin and end inside a character; that is no fault.
        trimmed = sample.lstrip(bytes(range(0x80, 0xC0)))
        text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(trimmed)
        bad = len(_ESCAPED.findall(text))
        wrong += bad
        valid += len(_BEYOND_ASCII.findall(text)) - bad
    if not wrong or valid > 10 * wrong:
        return "utf-8"
    from charset_normalizer import from_bytes

    telling = b"\n".join(line for sample in samples for line in sample.splitlines() if not line.isascii())
    guesses = from_bytes(telling[: 1 << 18])
    best = guesses.best()
    if best is None or b"\0" in telling[: 1 << 18]:
        raise FeedError(
            f"The feed file {path} is not text in any encoding that could be recognised. Set data.encoding "
            "(for example cp1252) if it is text, or data.format if it is not."
        )
    # Its order among equals is the alphabet's, so cp1250 goes before what nearly all such files are.
    equals = [guess for guess in guesses if guess.chaos <= best.chaos + 0.01]
    if any(_WESTERN in guess.could_be_from_charset for guess in equals):
        return _WESTERN
    return str(best.encoding)
