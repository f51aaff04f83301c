"""ZIP archives for tests, honest and hostile: what `zipfile` writes, and single fields of it overwritten."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Mapping

CENTRAL = b"PK\x01\x02"
LOCAL = b"PK\x03\x04"
END = b"PK\x05\x06"


def wheel_with(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    """An archive of these members, in this order."""
    return archive(list(members.items()), method=method, comment=comment)


def archive(members: list[tuple[str, bytes]], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    """The same, with repeated names if need be."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as written, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of repeated names
        for path, data in members:
            written.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), data, compress_type=method)
        written.comment = comment
    return target.getvalue()


def patched(data: bytes, signature: bytes, offset: int, form: str, value: int, *, which: int = 0) -> bytes:
    """The archive with one field of the `which`th record of a kind replaced; `offset` as in APPNOTE.TXT."""
    at = -1
    for _ in range(which + 1):
        at = data.index(signature, at + 1)
    result = bytearray(data)
    struct.pack_into("<" + form, result, at + offset, value)
    return bytes(result)


def zip64(data: bytes) -> bytes:
    """The same archive with ZIP64 end records, and offset and sizes of every entry in ZIP64 extra fields."""
    end = data.index(END)
    count, length, offset = struct.unpack_from("<HLL", data, end + 10)
    central = data[offset : offset + length]
    rebuilt = b""
    at = 0
    while at < len(central):
        packed, size, names, extras, comments = struct.unpack_from("<LLHHH", central, at + 20)
        (local,) = struct.unpack_from("<L", central, at + 42)
        head = bytearray(central[at : at + 46])
        struct.pack_into("<LL", head, 20, 0xFFFFFFFF, 0xFFFFFFFF)
        struct.pack_into("<H", head, 30, extras + 28)
        struct.pack_into("<L", head, 42, 0xFFFFFFFF)
        name = central[at + 46 : at + 46 + names]
        rebuilt += bytes(head) + name + struct.pack("<HHQQQ", 1, 24, size, packed, local)
        rebuilt += central[at + 46 + names : at + 46 + names + extras + comments]
        at += 46 + names + extras + comments
    end64 = offset + len(rebuilt)
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(rebuilt), offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end64, 1)
    last = struct.pack("<4sHHHHLLH", END, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:offset] + rebuilt + record + locator + last
