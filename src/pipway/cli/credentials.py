"""`pipway credentials add|list|test|rotate|retry|remove|import`: the secrets that parent proxies want.

A secret is typed without echo or piped in, never an argument: those stand in the process list. Nothing here prints one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipway import outbound
from pipway.dial.credentials.base import Credential, Place, checked, key_of
from pipway.dial.credentials.file import FilePlace
from pipway.dial.credentials.imports import Imported, read_configuration
from pipway.dial.credentials.keyring import KeyringPlace
from pipway.dial.failures import connect_timeout
from pipway.dial.negotiate.ntlm import nt_hash
from pipway.dial.parent import Parent
from pipway.dial.rejections import Rejections
from pipway.dial.route.plan import Way
from pipway.errors import PipwayError, UsageError
from pipway.settings import Settings, load
from pipway.trace import Trace
from pipway.wire.auth.base import Unusable
from pipway.wire.proxy_url import ProxyUrl, parse_proxy_url

_TEST = 60.0  # seconds for `test`: as long as it lasts, no server makes a first logon with the same secret

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Keep, test and change the logins to parent proxies.",
)

Urls = Annotated[list[str], typer.Argument(metavar="USER@HOST:PORT...", help="As CORP%5Calice@proxy:8080.")]
Url = Annotated[str, typer.Argument(metavar="USER@HOST:PORT", help="As CORP%5Calice@proxy:8080.")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read the password from standard input.")]
Hashed = Annotated[bool, typer.Option("--nt-hash", help="Keep only its NT hash; enough for NTLM, useless elsewhere.")]
Where = Annotated[
    Literal["keyring", "file"] | None, typer.Option("--place", help="Where to keep it; by default where there is one.")
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The settings file of the server.")]
Data = Annotated[str | None, typer.Option("--data", metavar="DIR", help="The data folder of the server.")]


@dataclass(frozen=True)
class Places:
    """Where secrets are kept."""

    file: FilePlace
    keyring: KeyringPlace

    def store(self, key: str, credential: Credential, wanted: str | None) -> Place:
        """In the keyring if there is one, else in the file; or where it is wanted. Gives the place."""
        if wanted != "file":
            try:
                self.keyring.put(key, credential)
            except UsageError:
                if wanted == "keyring":
                    raise
            else:
                self.file.note(key, credential.kind, self.keyring.name)
                return self.keyring
        self.file.put(key, credential)
        return self.file

    def others(self, parent: Parent) -> Iterator[Credential]:
        """What is kept for the same user at other parents."""
        for entry in self.file.listed():
            if entry.key != key_of(parent) and entry.key.rpartition("@")[0] == parent.user:
                with contextlib.suppress(UsageError):
                    found = self.file.get(entry.key) or self.keyring.get(entry.key)
                    if found is not None:
                        yield found

    def remove(self, key: str) -> bool:
        """Wherever it is."""
        place = self.file.place_of(key)
        gone = self.file.delete(key)
        if place == "file":
            return gone
        try:
            return self.keyring.delete(key) or gone
        except UsageError:
            return gone


def _places() -> Places:
    return Places(FilePlace(outbound.credentials_file()), KeyringPlace())


def _settings(config: Path | None, data: str | None, **more: Any) -> Settings:
    """Those of the server: refusals are remembered in its data folder."""
    arguments = {name: value for name, value in {"data": data, **more}.items() if value is not None}
    return load(config=config, environ=os.environ, arguments=arguments)


def _memory(settings: Settings) -> Rejections:
    return Rejections(settings.data / "logins")


def _parent(text: str) -> Parent:
    url = parse_proxy_url(text)
    if url.password is not None:
        raise UsageError(
            "password-in-argument",
            "a password must not be an argument: everybody on this machine can read it",
            fix="leave it out; it is asked for, or piped in with --stdin. Consider this one known, and change it.",
        )
    if not url.user:
        raise UsageError("no-user", "this names no user", fix="write it as CORP%5Calice@proxy:8080")
    return Parent(url.scheme, url.host, url.port, url.user, named=True)


def _typed(parent: Parent, *, stdin: bool) -> str:
    if stdin:
        return checked(sys.stdin.readline().removesuffix("\n").removesuffix("\r"))
    if not sys.stdin.isatty():
        raise UsageError("no-terminal", "there is no terminal to type the password on", fix="pipe it in with --stdin")
    first = checked(getpass(f"Password of {parent.user} at {parent.address}: "))
    if getpass("Once more: ") != first:
        raise UsageError("passwords-differ", "the two passwords differ", fix="try again")
    return first


def _credential(parent: Parent, password: str, *, hashed: bool) -> Credential:
    assert parent.user is not None  # _parent demands one
    if not hashed:
        return Credential(parent.user, password=password)
    try:
        return Credential(parent.user, nt_hash=nt_hash(password))
    except Unusable as error:
        raise UsageError("no-nt-hash", "the NT hash cannot be made", why=error.why, fix=error.fix) from None


@app.command()
def add(
    urls: Urls,
    stdin: Stdin = False,
    hashed: Hashed = False,
    keytab: Annotated[Path | None, typer.Option(metavar="FILE", help="Use this Kerberos keytab, no password.")] = None,
    place: Where = None,
) -> None:
    """Keep a login for one or more parents (the same user and password)."""
    parents = [_parent(url) for url in urls]
    if keytab is not None and not keytab.is_file():
        raise UsageError("no-keytab", f"there is no file {keytab}", fix="give the keytab's path")
    password = "" if keytab is not None else _typed(parents[0], stdin=stdin)
    for parent in parents:
        if keytab is not None:
            credential = Credential(parent.user or "", keytab=keytab.absolute())
        else:
            credential = _credential(parent, password, hashed=hashed)
        kept = _places().store(key_of(parent), credential, place)
        print(f"kept the {credential.kind} of {parent.user} at {parent.address} in the {kept.name}")


@app.command()
def rotate(
    url: Url,
    stdin: Stdin = False,
    hashed: Hashed = False,
    place: Where = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Replace a password that changed; servers that run use the new one at once."""
    parent = _parent(url)
    memory = _memory(_settings(config, data))
    places = _places()
    place = place or _same_place(places, key_of(parent))
    credential = _credential(parent, _typed(parent, stdin=stdin), hashed=hashed)
    kept = places.store(key_of(parent), credential, place)
    _forget_replaced(places, memory, parent, credential)
    print(f"replaced the {credential.kind} of {parent.user} at {parent.address} in the {kept.name}")


def _forget_replaced(places: Places, memory: Rejections, parent: Parent, credential: Credential) -> None:
    """What was held against the user, but not against a secret that is still kept for another parent."""
    if not memory.entries():
        return
    salt = memory.salt()
    kept = {old.fingerprint(salt) for old in places.others(parent) if old != credential}
    memory.forget(parent.user, but=kept - {credential.fingerprint(salt)})


def _same_place(places: Places, key: str) -> Literal["keyring", "file"] | None:
    match places.file.place_of(key):
        case "file":
            return "file"
        case "keyring":
            return "keyring"
        case _:
            return None


@app.command()
def retry(url: Url, config: Config = None, data: Data = None) -> None:
    """Say that a refused login may be tried again, once: it was right all along."""
    parent = _parent(url)
    count = _memory(_settings(config, data)).forget(parent.user)
    print(f"{parent.user} may be tried again" if count else f"nothing was held against {parent.user}")


@app.command()
def remove(urls: Urls) -> None:
    """Forget logins."""
    places = _places()
    for parent in map(_parent, urls):
        if not places.remove(key_of(parent)):
            raise UsageError(
                "no-credential", f"nothing is kept for {parent.user} at {parent.address}", fix="pipway credentials list"
            )
        print(f"removed {parent.user} at {parent.address}")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show whose logins are kept, where, and how they stand; never a secret."""
    held = {entry.user: entry for entry in _memory(_settings(config, data)).entries()}
    rows = []
    for entry in _places().file.listed():
        user, _, parent = entry.key.rpartition("@")
        state = held[user].state if user in held else "ok"
        why = f"{held[user].parent}: {held[user].why}" if user in held else ""
        rows.append(
            {"user": user, "parent": parent, "kind": entry.kind, "place": entry.place, "state": state, "why": why}
        )
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        print("no login is kept")
    widths = {name: max(len(row[name]) for row in rows) for name in ("user", "parent", "kind", "place")} if rows else {}
    for row in rows:
        cells = [f"{row[name]:<{width}}" for name, width in widths.items()]
        print("  ".join([*cells, row["state"] if not row["why"] else f"{row['state']} by {row['why']}"]))


@app.command()
def test(
    url: Url,
    target: Annotated[str, typer.Option(metavar="HOST", help="Whom to ask the parent for.")] = "index.example",
    again: Annotated[bool, typer.Option("--again", help="Even if this login was refused before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    basic_in_clear: Annotated[
        bool | None, typer.Option("--basic-in-clear", help="Allow Basic to a parent without TLS.")
    ] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Log in once, and say what came of it. At most one logon is made, and you are asked before."""
    parent = _parent(url)
    settings = _settings(config, data, **{"parent.basic_in_clear": basic_in_clear})
    if not yes:
        typer.confirm(f"This makes one logon of {parent.user} at {parent.address}. Go on?", abort=True)
    if again:
        _memory(settings).forget(parent.user)
    print(asyncio.run(_test(settings, parent, target)))


async def _test(settings: Settings, parent: Parent, target: str) -> str:
    """One dial through the parent; raises what it raises. Being let in counts, whether the target is reached or not."""
    trace = Trace()
    seen: dict[str, str] = {}
    trace.listen(lambda name, facts: seen.update({name: str(facts["scheme"])}) if name.startswith("login.") else None)
    way_out = outbound.build(settings, os.environ, trace)
    known = next((known for known in outbound.parents(settings) if key_of(known) == key_of(parent)), None)
    known = known or outbound.named_parent(settings, ProxyUrl(parent.scheme, parent.host, parent.port, parent.user))
    try:
        async with asyncio.timeout(_TEST):
            stream = await way_out.dialer(Way((known,))).dial(outbound.target_of(target))
            await stream.aclose()
    except TimeoutError:
        raise connect_timeout(known.target, _TEST) from None
    except PipwayError as error:
        if "login.accepted" in seen:
            return f"{parent.user} was let in by {parent.address} ({seen['login.accepted']}); {target} was not reached"
        if error.code != "parent-failed" or "login.tried" not in seen or "login.rejected" in seen:
            raise
        # It looks at the login first, as a rule: who is not let in is asked again and told nothing of the target.
        return (
            f"{parent.address} did not refuse {parent.user} ({seen['login.tried']}), and could not reach {target}; "
            "name a host that it reaches with --target to be sure"
        )
    return f"{parent.user} was let in by {parent.address} ({seen.get('login.accepted', 'it wants no login')})"


@app.command("import")
def import_(file: Annotated[Path, typer.Argument(help="cntlm.conf, cntlm.ini or px.ini")], place: Where = None) -> None:
    """Take over the logins and parents of cntlm or px, and print the settings that replace the rest."""
    found = read_configuration(file)
    _keep(found, place, _places().store)
    if found.remarks:
        print("\n".join(f"# {remark}" for remark in found.remarks))
    print(found.settings, end="")


def _keep(found: Imported, place: str | None, store: Callable[[str, Credential, str | None], Place]) -> None:
    for parent, credential in found.credentials:
        kept = store(key_of(parent), credential, place)
        print(f"# kept the {credential.kind} of {parent.user} at {parent.address} in the {kept.name}")
