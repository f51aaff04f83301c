"""One file with every certificate authority that a command behind pipway has to believe; `pipway run` makes it.

SSL_CERT_FILE replaces all roots for uv and OpenSSL, so the file holds the system's, the user's own and pipway's.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipway.clients.environment import TRUST
from pipway.dial.trust import BUNDLES
from pipway.errors import UsageError


def write(file: Path, extra: Iterable[Path], environ: Mapping[str, str]) -> Path:
    """Write `file` if it has to change: this system's roots, those that variables name, and `extra`. UsageError."""
    pem = _pem(extra, environ)
    try:
        if not file.exists() or file.read_text(encoding="ascii", errors="replace") != pem:
            descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
            with os.fdopen(descriptor, "w", encoding="ascii") as out:
                out.write(pem)
            Path(name).chmod(0o644)
            Path(name).replace(file)
    except OSError as error:
        raise UsageError(
            "bundle-unwritable", f"cannot write {file}", why=error.strerror or str(error), fix="check that folder"
        ) from error
    return file


def _pem(extra: Iterable[Path], environ: Mapping[str, str]) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()  # on Windows from its store; elsewhere possibly a folder, which is read only when used
    for path in BUNDLES:
        if path.is_file():
            _load(context, path)
            break
    for name in TRUST:
        if environ.get(name):
            with contextlib.suppress(OSError):  # what is broken there is broken without us
                _load(context, Path(environ[name]))
    for path in extra:
        try:
            _load(context, path)
        except OSError as error:
            why = error.strerror or str(error)
            raise UsageError("bad-ca", f"cannot use {path}", why=why, fix="check trust.extra_ca") from None
    return "".join(sorted(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True))))


def _load(context: ssl.SSLContext, path: Path) -> None:
    """OSError (ssl.SSLError is one) when it is a file without certificates; of a folder, what has some counts."""
    if not path.is_dir():
        context.load_verify_locations(path)
        return
    for file in sorted(path.iterdir()):
        with contextlib.suppress(OSError):
            context.load_verify_locations(file)
