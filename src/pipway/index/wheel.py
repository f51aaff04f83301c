"""METADATA out of a wheel by reading as little of it as possible, from wherever its bytes can be had.

`metadata` calls it with a `read(offset, length)`. It trusts nothing: every offset, length and count is checked
against bounds before it is used, and ambiguous archives (overlaps, duplicates, gaps at the end) are refused, so that
what we serve is what an installer would read (APPNOTE.TXT is the ZIP file format's specification).
"""

from __future__ import annotations

import asyncio
import re
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pipway.errors import BadUpstream

#: Gives exactly `length` bytes from `offset`.
Read = Callable[[int, int], Awaitable[bytes]]

DIRECTORY_LIMIT = 16 * 1024 * 1024  #: bytes of central directory
METADATA_LIMIT = 8 * 1024 * 1024  #: bytes of METADATA, compressed or not
ENTRIES_LIMIT = 200_000

_EOCD = struct.Struct("<4s4H2LH")  # APPNOTE 4.3.16
_EOCD64_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
_EOCD64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7
#: The end record with the longest comment, and the ZIP64 locator before it.
TAIL = _EOCD64_LOCATOR.size + _EOCD.size + 0xFFFF

_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the central directory is."""

    offset: int
    size: int
    entries: int


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of the central directory."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


async def read_metadata(read: Read, size: int, filename: str) -> bytes:
    """Give METADATA byte for byte; BadUpstream `bad-wheel` when the file is not a wheel that has just one."""
    tail_length = min(size, TAIL)
    directory = await _find_directory(read, size, await read(size - tail_length, tail_length))
    packed = await read(directory.offset, directory.size)
    members = await asyncio.to_thread(_members, packed, directory)
    member = choose(members, filename)
    if max(member.packed, member.size) > METADATA_LIMIT:
        raise bad_wheel(f"METADATA is larger than {METADATA_LIMIT} bytes")
    following = min((other.offset for other in members if other.offset > member.offset), default=directory.offset)
    most = _LOCAL.size + len(member.name) + 0xFFFF + member.packed
    data = await read(member.offset, min(most, following - member.offset))
    return await asyncio.to_thread(_unpack, data, member)


def choose(members: list[Member], filename: str) -> Member:
    """Find METADATA of the one `.dist-info` that carries the wheel's own name and version.

    The first `.dist-info` is not good enough: wheels vendor others' (index-protocol §4).
    """
    name, version = _identity(filename)
    found = [member for member in members if _belongs(member.name, name, version)]
    if len(found) != 1:
        raise bad_wheel(f"it has {len(found)} METADATA for {name} {version}")
    return found[0]


def bad_wheel(why: str) -> BadUpstream:
    """The error of a wheel that will never give METADATA."""
    return BadUpstream("bad-wheel", "the wheel's METADATA cannot be read", why=why)


# -- names ---------------------------------------------------------------------------------------------------------


def _identity(filename: str) -> tuple[str, str]:
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) not in (5, 6):  # name-version[-build]-python-abi-platform (PEP 427)
        raise bad_wheel("the file name is not a wheel's")
    return canonicalize_name(parts[0]), parts[1]


def _belongs(path: bytes, name: str, version: str) -> bool:
    match = re.fullmatch(rb"([^/]+)-([^/-]+)\.dist-info/METADATA", path)
    if match is None:
        return False
    try:
        stem, stated = match[1].decode(), match[2].decode()
    except UnicodeDecodeError:
        return False
    return canonicalize_name(stem) == name and _same_version(stated, version)


def _same_version(one: str, other: str) -> bool:
    one, other = one.replace("_", "-"), other.replace("_", "-")  # a local version's escape (PEP 427)
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one.lower() == other.lower()


# -- the archive ---------------------------------------------------------------------------------------------------


async def _find_directory(read: Read, size: int, tail: bytes) -> Directory:
    """Find the central directory; it must end where the end records begin, so that all readers agree on it."""
    start = size - len(tail)
    at = _end_record(tail)
    _, disk, first_disk, here, entries, length, offset, _ = _EOCD.unpack_from(tail, at)
    end = start + at
    locator = at - _EOCD64_LOCATOR.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        _, _, end, _ = _EOCD64_LOCATOR.unpack_from(tail, locator)
        if end + _EOCD64.size > start + locator:
            raise bad_wheel("the ZIP64 end record lies outside the file")
        record = await _from(tail, start, end, _EOCD64.size, read)
        signature, rest, _, _, disk, first_disk, here, entries, length, offset = _EOCD64.unpack(record)
        if signature != b"PK\x06\x06" or end + 12 + rest != start + locator:
            raise bad_wheel("the ZIP64 end record is broken")
    elif 0xFFFF in (here, entries) or 0xFFFFFFFF in (length, offset):
        raise bad_wheel("the ZIP64 end record is missing")
    if disk or first_disk or here != entries:
        raise bad_wheel("the archive has several parts")
    if offset + length != end:
        raise bad_wheel("the central directory is not where it should be")
    if length > DIRECTORY_LIMIT or entries > ENTRIES_LIMIT:
        raise bad_wheel("the central directory is too large")
    return Directory(offset, length, entries)


def _end_record(tail: bytes) -> int:
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        if at + _EOCD.size <= len(tail):
            (comment,) = struct.unpack_from("<H", tail, at + _EOCD.size - 2)
            if at + _EOCD.size + comment == len(tail):
                return at
        at = tail.rfind(b"PK\x05\x06", 0, at)
    raise bad_wheel("it is no ZIP archive")


async def _from(tail: bytes, start: int, offset: int, length: int, read: Read) -> bytes:
    if offset >= start:
        return tail[offset - start : offset - start + length]
    return await read(offset, length)


def _members(packed: bytes, directory: Directory) -> list[Member]:
    """Read the central directory; refuses duplicates and entries that overlap or lie outside."""
    members: list[Member] = []
    at = 0
    while at < len(packed):
        if len(members) >= directory.entries or at + _CENTRAL.size > len(packed):
            raise bad_wheel("the central directory is broken")
        fields = _CENTRAL.unpack_from(packed, at)
        signature, _, _, flags, method, _, _, crc, small, large, name_length, extra_length, comment = fields[:13]
        first, offset = fields[13], fields[16]
        name_end = at + _CENTRAL.size + name_length
        extra = packed[name_end : name_end + extra_length]
        if signature != b"PK\x01\x02" or first not in (0, 0xFFFF):
            raise bad_wheel("the central directory is broken")
        large, small, offset = _zip64(extra, large, small, offset)
        members.append(Member(packed[at + _CENTRAL.size : name_end], flags, method, crc, small, large, offset))
        at = name_end + extra_length + comment
    if at != len(packed) or len(members) != directory.entries:
        raise bad_wheel("the central directory is broken")
    _check_layout(members, directory)
    return members


def _zip64(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Replace what did not fit into 32 bits by the ZIP64 extra field's values, in this order (APPNOTE 4.5.3)."""
    values = [size, packed, offset]
    if 0xFFFFFFFF not in values:
        return size, packed, offset
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == 1:
            field = extra[at + 4 : at + 4 + length]
            for index, value in enumerate(values):
                if value == 0xFFFFFFFF:
                    if len(field) < 8:
                        break
                    values[index] = int.from_bytes(field[:8], "little")
                    field = field[8:]
            break
        at += 4 + length
    return values[0], values[1], values[2]


def _check_layout(members: list[Member], directory: Directory) -> None:
    if len({member.name for member in members}) != len(members):
        raise bad_wheel("it has two entries of one name")
    end = 0
    for member in sorted(members, key=lambda member: member.offset):
        if member.offset < end:
            raise bad_wheel("its entries overlap")
        end = member.offset + _LOCAL.size + len(member.name) + member.packed
    if end > directory.offset:
        raise bad_wheel("its entries overlap the central directory")


def _unpack(data: bytes, member: Member) -> bytes:
    """Check the local header against the directory's entry and give the content, never more than it promised."""
    if len(data) < _LOCAL.size:
        raise bad_wheel("METADATA is cut off")
    signature, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack_from(data)
    begin = _LOCAL.size + name_length + extra_length
    packed = data[begin : begin + member.packed]
    if (
        signature != b"PK\x03\x04"
        or data[_LOCAL.size : _LOCAL.size + name_length] != member.name
        or method != member.method
        or len(packed) != member.packed
        or (flags | member.flags) & _ENCRYPTED
    ):
        raise bad_wheel("METADATA's two headers disagree")
    content = _inflate(packed, member)
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        raise bad_wheel("METADATA is damaged")
    return content


def _inflate(packed: bytes, member: Member) -> bytes:
    if member.method == _STORED:
        return packed
    if member.method != _DEFLATED:
        raise bad_wheel(f"METADATA is compressed by method {member.method}")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(packed, member.size + 1)  # never inflates more than it promised: no bombs
    except zlib.error as error:
        raise bad_wheel("METADATA is damaged") from error
    if not inflater.eof or inflater.unused_data:
        raise bad_wheel("METADATA is not as long as it says")
    return content
