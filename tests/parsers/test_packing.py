"""Compressed files: all kinds, whole and damaged, bombs, members of zip files; packed outputs."""

import bz2
import gzip
import io
import lzma
import tracemalloc
import zipfile

import pytest
import zstandard

from engine.errors import OptionError, UnitError
from engine.kinds import Limits
from engine.parsers.csv import Csv
from engine.parsers.jsonl import Jsonl
from engine.parsers.text import Text
from engine.sources.files import split_name
from engine.storage import packing
from engine.storage.packing import SUFFIXES, packer

ROWS = b"a,b\n1,2\n3,4\n"
PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}
LIMITS = Limits()
NAMES = {suffix: SUFFIXES[suffix] for suffix in PACK}


def zipped(members, method=zipfile.ZIP_DEFLATED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name), data, method)
    return made.getvalue()


def refused(read, data, path, parser=None, limits=LIMITS):
    with pytest.raises(UnitError) as raised:
        read(parser or Csv(), data, path, limits)
    return raised.value.code, raised.value.message, raised.value.help


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("size", [1, 100, None])
def test_packed_files(read, suffix, size):
    whole, again = PACK[suffix](ROWS), PACK[suffix](b"5,6\n")
    assert read(Csv(), whole, f"in/A.CSV{suffix.upper()}", size=size) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert len(read(Csv(), whole + again + b"\0" * 8, f"a{suffix}", size=size)) == 3
    assert len(read(Csv(compression=NAMES[suffix]), whole, "a.csv", size=size)) == 2
    assert read(Text(compression="none"), ROWS, f"a{suffix}", size=size)[0] == {"line": "a,b"}


@pytest.mark.parametrize("suffix", PACK)
def test_damaged_files(read, suffix):
    whole, path, help = PACK[suffix](ROWS * 500), f"a{suffix}", "deliver the file again"
    cut = ("R131", f"the {NAMES[suffix]} stream ends in the middle", help)
    for end in (0, 3, len(whole) // 2, len(whole) - 1):
        assert refused(read, whole[:end], path) == cut
    for data in (b"no packing at all, and of some length", whole + b"and more, of the same length as a header"):
        code, message, said = refused(read, data, path)
        behind = " behind its end" if data.startswith(whole) else ""
        assert (code, said) == ("R131", help)
        assert message.startswith(f"the {NAMES[suffix]} stream is damaged{behind}: ")


def test_the_words_of_damage(read):
    assert refused(read, b"not gzip at all", "a.gz")[1] == "the gzip stream is damaged: incorrect header check"
    whole = bytearray(gzip.compress(ROWS))
    whole[-6] ^= 1
    assert refused(read, bytes(whole), "a.gz")[1] == "the gzip stream is damaged: incorrect data check"


@pytest.mark.parametrize("suffix", PACK)
def test_a_small_file_that_unpacks_to_a_large_one(read, suffix, monkeypatch):
    monkeypatch.setattr(packing, "FREE", 1 << 20)
    bomb = PACK[suffix](bytes(70 << 20 if suffix == ".zst" else 4 << 20))
    tracemalloc.start()
    code, message, help = refused(read, bomb, f"a{suffix}", limits=Limits(record=1 << 16))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (code, help) == ("R132", "if the file is to be trusted, raise `limits.ratio`")
    assert " packed bytes unpack to more than 200 times as many (" in message
    assert peak < 64 << 20
    assert read(Text(), bomb, f"a{suffix}", limits=Limits(record=1 << 16, ratio=10**6))[0][0] == "R104"


def test_a_window_over_the_limit(read):
    settings = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    codec = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    data = codec.compress(ROWS) + codec.flush()
    message = "the zstd stream asks for a window of more than 134,217,728 bytes"
    assert refused(read, data, "a.zst") == ("R133", message, "if the file is to be trusted, raise `limits.window`")
    assert len(read(Csv(), data, "a.zst", Limits(window=1 << 28))) == 2
    large = lzma.compress(ROWS, preset=9)
    assert refused(read, large, "a.xz", limits=Limits(window=1 << 20))[0] == "R133"


def test_members_of_a_zip_file(read):
    two = zipped({"a/x.csv": ROWS, "a/y.csv": "a,b\n5\n", "__MACOSX/a/._x.csv": b"\0", "readme.txt": "hello"})
    assert len(read(Csv(), zipped({"../../x y.csv": ROWS, "folder/": b""}), "a.zip")) == 2
    assert read(Csv(member="a/*.csv"), two, "a.zip") == [
        {"a": "1", "b": "2"}, {"a": "3", "b": "4"}, ("R101", 3, 5, 16, b"5"),
    ]  # fmt: skip
    held = "it holds `a/x.csv`, `a/y.csv`, `readme.txt`"
    assert refused(read, two, "a.zip") == (
        "R134",
        "the zip file holds 3 members",
        f"say which with `member`, a glob; {held}",
    )
    assert refused(read, two, "a.zip", Csv(member="*.csv")) == (
        "R134",
        "no member of the zip file matches `*.csv`",
        held,
    )
    assert refused(read, zipped({}), "a.zip")[1] == "the zip file holds no member"


def test_members_in_another_encoding_go_on_in_lines_and_bytes(read):
    text = "{\n".encode("utf-16")
    assert read(Jsonl(encoding="utf-16", member="*"), zipped({"a": text, "b": text}), "a.zip") == [
        ("R103", 1, 1, 2, b"{\0"), ("R103", 2, 2, 8, b"{\0"),
    ]  # fmt: skip


def test_damaged_zip_files(read, monkeypatch):
    whole = zipped({"a.csv": ROWS})
    for data in (b"", b"PK", whole[:-30]):
        message = "the zip file is damaged: it has no directory at its end"
        assert refused(read, data, "a.zip") == ("R131", message, "deliver the file again")
    broken = bytearray(whole)
    broken[40] ^= 0xFF
    assert refused(read, bytes(broken), "a.zip")[1].startswith("the member `a.csv` is damaged: ")
    locked = bytearray(whole)
    locked[6] |= 1
    locked[whole.index(b"PK\x01\x02") + 8] |= 1
    assert refused(read, bytes(locked), "a.zip")[1] == "the member `a.csv` is encrypted"
    strange = zipped({"a.csv": ROWS}, zipfile.ZIP_LZMA)
    help = "pack it by deflate, bzip2, or not at all"
    assert refused(read, strange, "a.zip") == ("R134", "the member `a.csv` is packed by method 14", help)
    monkeypatch.setattr(packing, "FREE", 1 << 20)
    assert refused(read, zipped({"a.csv": bytes(4 << 20)}), "a.zip", limits=Limits(record=1 << 16))[0] == "R132"
    at = whole.index(b"PK\x05\x06")
    huge = whole[: at + 12] + (1 << 30).to_bytes(4, "little") + whole[at + 16 :]
    message = "the directory of the zip file has 1,073,741,824 bytes, the limit is 16,777,216"
    assert refused(read, huge, "a.zip") == ("R132", message, "pack fewer files into one")


def test_a_glob_that_is_none():
    with pytest.raises(OptionError):
        Csv(member="{a,b" + "{c,d}" * 20)


@pytest.mark.parametrize("suffix", PACK)
def test_packed_outputs_are_the_same_bytes_every_time(read, suffix):
    def packed(step):
        codec = packer(f"out/a.csv{suffix}")
        return b"".join(codec.write(ROWS[at : at + step]) for at in range(0, len(ROWS), step)) + codec.close()

    assert packed(1) == packed(1)
    assert read(Csv(), packed(5), f"a{suffix}") == read(Csv(), ROWS)
    assert packer("out/a.csv") is None
    assert packer("out/a.zip") is None


def test_gzip_says_no_time_no_name_no_system():
    codec = packer("a", "gzip")
    expected = io.BytesIO()
    with gzip.GzipFile("", "wb", 6, expected, mtime=0) as file:
        file.write(ROWS)
    assert codec.write(ROWS) + codec.close() == expected.getvalue()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_stem_is_without_format_and_compression(suffix):
    assert split_name(f"stock.v2.csv{suffix}") == ("stock.v2", f".csv{suffix}")
    assert split_name(f"stock{suffix}") == ("stock", suffix)
    assert split_name(suffix) == (suffix, "")
