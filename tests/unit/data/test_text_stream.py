"""Encodings."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft.data.text_stream import TextStream, detect
from adcraft.errors import FeedError

FRENCH = "name,brand,description\nCafé crème,L’Oréal,Très bonne crème à la vanille\n" * 20
RUSSIAN = "название,бренд\nПлатье синее,Зара\n" * 20  # noqa: RUF001


def read(stream: TextStream) -> bytes:
    return b"".join(stream.pieces())


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        (FRENCH, "utf-8", "utf-8"),
        (FRENCH, "utf-8-sig", "utf-8-sig"),
        (FRENCH, "utf-16", "utf-16"),
        (FRENCH, "utf-16-le", "utf-16-le"),
        (FRENCH, "utf-16-be", "utf-16-be"),
        (FRENCH, "utf-32", "utf-32"),
        (FRENCH, "cp1252", "cp1252"),
        (RUSSIAN, "cp1251", "cp1251"),
        ("name,brand\n红色连衣裙非常漂亮,李宁牌\n" * 20, "gb18030", "gb18030"),
        ("plain,ascii\n", "ascii", "utf-8"),
    ],
)
def test_is_found_and_read(tmp_path: Path, text: str, written: str, found: str) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(text.encode(written))
    stream = detect(str(path))
    assert stream.encoding == found
    assert read(stream).decode() == text


def test_a_given_encoding_is_used(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes("Č,ů\n".encode("cp1250"))
    assert read(detect(str(path), "cp1250")).decode() == "Č,ů\n"


def test_a_few_wrong_bytes_leave_utf8_utf8(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(FRENCH.encode() + b"caf\xe9,x\n")
    stream = detect(str(path))
    assert stream.encoding == "utf-8"
    assert read(stream).endswith(b"caf\xe9,x\n")


def test_a_late_wrong_byte_is_found_in_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"plain,ascii\n" * 200_000 + "Café crème brûlée,à la carte\n".encode("cp1252") * 20_000)
    assert detect(str(path)).encoding == "cp1252"


def test_what_utf16_can_t_say_comes_as_a_wrong_byte(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes("a,b\nc".encode("utf-16") + b"\x00\xd8" + ",d\n".encode("utf-16-le"))
    assert read(detect(str(path))) == b"a,b\nc\xff,d\n"


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_packed(tmp_path: Path, suffix: str, pack) -> None:
    path = tmp_path / f"feed.csv{suffix}"
    path.write_bytes(pack(FRENCH.encode()))
    assert read(detect(str(path))).decode() == FRENCH
    path.write_bytes(pack(FRENCH.encode())[:40])
    with pytest.raises(FeedError, match="can't be read"):
        read(TextStream(str(path), "utf-8"))


def test_old_mac_lines(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"a,b\rc,d\r")
    assert read(detect(str(path))) == b"a,b\nc,d\n"


def test_no_text(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(FeedError, match="not text in any encoding"):
        detect(str(path))


@given(st.text(), st.integers(1, 7))
def test_pieces_join_to_the_text(tmp_path_factory, text: str, size: int) -> None:
    path = tmp_path_factory.mktemp("t") / "feed.csv"
    path.write_text(text, encoding="utf-16", newline="", errors="surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adcraft.data.text_stream._PIECE", size)
        got = read(TextStream(str(path), "utf-16")).decode()
    assert got == text.replace("\ufffd", "") or "\ufffd" in text
