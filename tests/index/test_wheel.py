"""Reading METADATA out of archives, the hostile ones above all."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.index.zips import CENTRAL, END, LOCAL, archive, patched, wheel_with, zip64
from tests.servers.distributions import make_wheel

from pipway.errors import BadUpstream
from pipway.index.wheel import METADATA_LIMIT, read_metadata

FILENAME = "foo_bar-1.0-py3-none-any.whl"
INFO = "foo_bar-1.0.dist-info/METADATA"
TEXT = b"Metadata-Version: 2.1\nName: foo-bar\nVersion: 1.0\n"


class Reader:
    """Bytes in memory, and how many of them were read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.received = 0

    async def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0 and length >= 0 and offset + length <= len(self.data), "it asks outside the file"
        self.received += length
        return self.data[offset : offset + length]


async def take(data: bytes, filename: str = FILENAME) -> bytes:
    return await read_metadata(Reader(data).read, len(data), filename)


async def test_metadata_of_a_real_wheel_byte_for_byte() -> None:
    data = make_wheel("foo.bar", "1.0", requires=["x>1"], size_padding=500_000)
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert await take(data) == opened.read(INFO)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_both_methods_that_wheels_use(method: int) -> None:
    assert await take(wheel_with({INFO: TEXT}, method=method)) == TEXT


async def test_only_a_little_is_read() -> None:
    data = wheel_with({"a": b"x" * 5_000_000, INFO: TEXT, "b": b"y" * 5_000_000}, method=zipfile.ZIP_STORED)
    reader = Reader(data)
    assert await read_metadata(reader.read, len(data), FILENAME) == TEXT
    assert reader.received < 300_000


async def test_zip64() -> None:
    """APPNOTE 4.3.14, 4.3.15, 4.5.3."""
    assert await take(zip64(wheel_with({"foo_bar/a.py": b"1", INFO: TEXT}))) == TEXT


async def test_an_archive_comment_that_looks_like_an_end_record() -> None:
    assert await take(wheel_with({INFO: TEXT}, comment=b"see " + END + bytes(10))) == TEXT


async def test_the_right_dist_info_among_vendored_ones() -> None:
    """index-protocol §4: pulp#1101 took the first hit."""
    data = wheel_with(
        {
            "aaa-2.0.dist-info/METADATA": b"wrong project",
            "foo_bar-0.9.dist-info/METADATA": b"wrong version",
            "vendor/foo_bar-1.0.dist-info/METADATA": b"not at the top",
            INFO: TEXT,
        }
    )
    assert await take(data) == TEXT


@pytest.mark.parametrize(
    ("filename", "info"),
    [
        ("Foo_Bar-1.0-py3-none-any.whl", "foo_bar-1.0.dist-info"),
        ("foo_bar-1.0-1-py3-none-any.whl", "foo.bar-1.0.dist-info"),
        ("foo_bar-1.0+local.1-py3-none-any.whl", "foo_bar-1.0+local_1.dist-info"),
        ("foo_bar-1.0.0-py3-none-any.whl", "foo_bar-1.0.dist-info"),
        ("foo_bar-2004d-py3-none-any.whl", "foo_bar-2004d.dist-info"),
    ],
)
async def test_names_and_versions_are_compared_normalised(filename: str, info: str) -> None:
    assert await take(wheel_with({f"{info}/METADATA": TEXT}), filename) == TEXT


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no archive at all" * 1000, id="not-zip"),
        pytest.param(wheel_with({"foo_bar/a.py": b""}), id="no-metadata"),
        pytest.param(wheel_with({"foo_baz-1.0.dist-info/METADATA": TEXT}), id="another-project"),
        pytest.param(wheel_with({INFO: TEXT, "foo.bar-1.0.0.dist-info/METADATA": b"twin"}), id="two-that-both-fit"),
        pytest.param(archive([(INFO, TEXT), (INFO, b"other")]), id="duplicate"),
        pytest.param(archive([(INFO, TEXT), ("a", b"1"), ("a", b"2")]), id="duplicate-elsewhere"),
        pytest.param(b"prefix" + wheel_with({INFO: TEXT}), id="bytes-in-front"),
        pytest.param(wheel_with({INFO: TEXT}) + b"rest", id="bytes-behind"),
        pytest.param(wheel_with({INFO: TEXT})[:-30], id="truncated"),
        pytest.param(wheel_with({INFO: TEXT}, method=zipfile.ZIP_BZIP2), id="bzip2"),
        pytest.param(wheel_with({INFO: b"x" * (METADATA_LIMIT + 1)}), id="too-large"),
        pytest.param(patched(wheel_with({INFO: b"x" * 100_000}), CENTRAL, 24, "L", 100), id="bomb-lies-small"),
        pytest.param(patched(wheel_with({INFO: TEXT}), CENTRAL, 24, "L", len(TEXT) + 1), id="size-too-large"),
        pytest.param(patched(wheel_with({INFO: TEXT}), CENTRAL, 16, "L", 1), id="crc"),
        pytest.param(patched(wheel_with({INFO: TEXT}), CENTRAL, 8, "H", 1), id="encrypted"),
        pytest.param(patched(wheel_with({INFO: TEXT}), LOCAL, 8, "H", 0), id="methods-differ"),
        pytest.param(patched(wheel_with({INFO: TEXT}), LOCAL, 30, "B", 0x78), id="names-differ"),
        pytest.param(patched(wheel_with({INFO: TEXT}), CENTRAL, 42, "L", 0xFFFFFF), id="offset-outside"),
        pytest.param(patched(wheel_with({"a": b"1", INFO: TEXT}), CENTRAL, 42, "L", 0, which=1), id="overlap"),
        pytest.param(patched(wheel_with({INFO: TEXT}), CENTRAL, 42, "L", 0xFFFFFFFF), id="zip64-extra-missing"),
        pytest.param(patched(wheel_with({INFO: TEXT}), END, 10, "H", 2), id="count-too-large"),
        pytest.param(patched(wheel_with({INFO: TEXT}), END, 12, "L", 0xFFFFFF), id="directory-too-large"),
        pytest.param(patched(wheel_with({INFO: TEXT}), END, 16, "L", 0xFFFFFFFF), id="zip64-end-missing"),
        pytest.param(patched(wheel_with({INFO: TEXT}), END, 4, "H", 1), id="several-disks"),
        pytest.param(patched(zip64(wheel_with({INFO: TEXT})), b"PK\x06\x07", 8, "Q", 1 << 60), id="zip64-outside"),
        pytest.param(patched(zip64(wheel_with({INFO: TEXT})), b"PK\x06\x06", 40, "Q", 1 << 60), id="zip64-directory"),
    ],
)
async def test_what_is_ambiguous_or_broken_is_refused(data: bytes) -> None:
    with pytest.raises(BadUpstream) as caught:
        await take(data)
    assert caught.value.code == "bad-wheel"


@pytest.mark.parametrize("filename", ["foo_bar-1.0.whl", "foo_bar.whl", "a-b-c-d-e-f-g.whl"])
async def test_a_file_name_that_is_no_wheels(filename: str) -> None:
    with pytest.raises(BadUpstream):
        await take(wheel_with({INFO: TEXT}), filename)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(data=st.data())
async def test_any_damage_gives_the_true_bytes_or_one_clear_error(data: st.DataObject) -> None:
    whole = bytearray(zip64(wheel_with({"a": b"1" * 50, INFO: TEXT})))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert await take(bytes(whole)) == TEXT
    except BadUpstream as error:
        assert error.code == "bad-wheel"
