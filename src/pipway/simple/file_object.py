"""PEP 691's file object: the one shape that `read_json` decodes and `write` encodes.

A key this version does not know makes decoding fail, which is how the reader learns that there is something to
keep; it then takes the slower way.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from pipway.simple.page import File

Size = Annotated[int, msgspec.Meta(ge=0)]


class FileObject(
    msgspec.Struct, rename="kebab", forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False
):
    """Null stands for "absent" everywhere: one big index always writes every key."""

    filename: str
    url: str
    hashes: dict[str, str] | None
    requires_python: str | None = None
    yanked: bool | str | None = None
    core_metadata: bool | dict[str, str] | None = None
    gpg_sig: bool | None = None
    size: Size | None = None
    upload_time: str | None = None
    provenance: str | None = None
    # PEP 714: the names that core-metadata had before; read when it is absent, never written.
    dist_info_metadata: bool | dict[str, str] | None = None
    data_dist_info_metadata: bool | dict[str, str] | None = None


#: The keys above as they are in JSON; a file's `extra` holds none of them.
KNOWN_KEYS = frozenset(field.encode_name for field in msgspec.structs.fields(FileObject))

#: Decodes an object all of whose keys are known; ValidationError for others.
decode_known = msgspec.json.Decoder(FileObject).decode
#: A page made elsewhere may hold any kind of mapping; JSON knows one.
_encode = msgspec.json.Encoder(enc_hook=dict).encode


def decode(raw: msgspec.Raw) -> tuple[FileObject, dict[str, Any]]:
    """Give the object and its unknown keys. Raises msgspec.MsgspecError, ValueError, RecursionError."""
    everything = msgspec.json.decode(raw, type=dict[str, Any])
    known = {key: everything.pop(key) for key in KNOWN_KEYS & everything.keys()}
    return msgspec.convert(known, FileObject), everything


def encode(file: File, url: str) -> bytes:
    """Give the file as JSON, with another URL; unknown keys as they came."""
    hashes: Any = file.hashes
    core_metadata: Any = file.core_metadata
    encoded = _encode(
        FileObject(
            filename=file.filename,
            url=url,
            hashes=hashes,
            requires_python=file.requires_python,
            yanked=file.yanked,
            core_metadata=core_metadata,
            gpg_sig=file.gpg_sig,
            size=file.size,
            upload_time=file.upload_time,
            provenance=file.provenance,
        )
    )
    if not file.extra:
        return encoded
    return encoded[:-1] + b"," + _encode(file.extra)[1:]
