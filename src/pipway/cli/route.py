"""`pipway route HOST`: which way a target takes, hop by hop, with the reason. Asks nobody but PAC files."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from pipway import outbound
from pipway.cli.arguments import no_passwords
from pipway.dial.base import Target
from pipway.dial.credentials.base import Credentials
from pipway.dial.parent import Parent
from pipway.dial.route.dialects import DIALECTS, matches
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import Plan, Way
from pipway.errors import PipwayError
from pipway.settings import load
from pipway.trace import Trace

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def route(
    host: Annotated[str, typer.Argument(metavar="HOST|URL", help="files.example, files.example:8443 or a URL.")],
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Read settings from this TOML file.")] = None,
    parent: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="As pipway serve --parent; repeatable.")
    ] = None,
    no_proxy: Annotated[
        str | None, typer.Option(metavar="LIST", help="Show what this NO_PROXY means to pipway and to other tools.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show which way a host is reached, hop by hop, and why."""
    no_passwords("--parent", parent or ())
    target = outbound.target_of(host)
    if no_proxy is not None:
        _compare(target, no_proxy, as_json=as_json)
        return
    settings = load(config=config, environ=os.environ, arguments={"parent.url": parent} if parent else {})
    trace = Trace()
    remarks: list[str] = []
    trace.listen(lambda name, facts: remarks.append(facts["remark"]) if name.endswith(".remark") else None)
    way_out = outbound.build(settings, os.environ, trace)
    found = asyncio.run(_explained(way_out, target)) | {"remarks": remarks}
    print(json.dumps(found, indent=2) if as_json else _text(found))


async def _explained(way_out: outbound.Outbound, target: Target) -> dict[str, Any]:
    try:
        plan: Plan = await way_out.router.plan(target)
        ways = [await _way(way, way_out.credentials) for way in plan.ways]
    finally:
        await way_out.aclose()
    return {"target": str(target), "reason": plan.reason, "order": "fastest" if plan.equal else "listed", "ways": ways}


async def _way(way: Way, credentials: Credentials) -> list[dict[str, str]]:
    return [await _hop(parent, credentials) for parent in way.hops] or [{"hop": "direct", "login": ""}]


async def _hop(parent: Parent, credentials: Credentials) -> dict[str, str]:
    if not parent.named:
        return {"hop": str(parent), "login": "none: nobody named it"}
    if parent.user is None:
        return {"hop": str(parent), "login": "" if "socks" in parent.scheme else "single sign-on, if it asks"}
    try:
        found = await credentials.find(parent)
    except PipwayError as error:
        return {"hop": str(parent), "login": f"{parent.user}: {error.what}"}
    if found is None:
        return {"hop": str(parent), "login": f"{parent.user}: none kept (pipway credentials add {parent.account})"}
    return {"hop": str(parent), "login": f"{parent.user} with the {found.kind} from {found.origin}"}


def _text(found: dict[str, Any]) -> str:
    lines = [f"{found['target']}: {found['reason']}"]
    if not found["ways"]:
        lines.append("  refused: no way leads there")
    for number, way in enumerate(found["ways"], 1):
        title = "way" if len(found["ways"]) == 1 else f"way {number}"
        for place, hop in enumerate(way):
            lead = f"  {title}: " if place == 0 else " " * (len(title) + 2) + "→ "
            lines.append(f"{lead}{hop['hop']}" + (f"  ({hop['login']})" if hop["login"] else ""))
    if found["order"] == "fastest":
        lines.append("  equals: the one that measured fastest is tried first")
    lines += [f"  remark: {remark}" for remark in found["remarks"]]
    return "\n".join(lines)


def _compare(target: Target, text: str, *, as_json: bool) -> None:
    """Whether each tool would go around the proxy."""
    found = {name: matches(name, text, target) for name in DIALECTS}
    remarks = NoProxy(text).remarks
    if as_json:
        print(json.dumps({"target": str(target), "no_proxy": text, "bypass": found, "remarks": remarks}, indent=2))
        return
    print(f"{target} with NO_PROXY={text}")
    for name, bypass in found.items():
        print(f"  {name:<10} {'direct' if bypass else 'proxy'}")
    for remark in remarks:
        print(f"  remark: {remark}")
