"""The standard variables: http_proxy, https_proxy, all_proxy and no_proxy.

Lower case wins, as in curl, urllib and requests. HTTP_PROXY is ignored where a web server set it (CGI, "httpoxy").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipway.dial.base import Target
from pipway.dial.parent import Parent
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import DIRECT, Plan, Way
from pipway.errors import UsageError
from pipway.wire.proxy_url import ProxyUrl, parse_proxy_url


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable that says something."""

    name: str
    value: str = field(repr=False)


def parent_of(url: ProxyUrl) -> Parent:
    """A parent that a person named by writing its URL into a variable."""
    return Parent(url.scheme, url.host, url.port, url.user or None, named=True)


class Environment:
    """Conforms to `plan.Decider`."""

    def __init__(self, environ: Mapping[str, str], *, parent: Callable[[ProxyUrl], Parent] = parent_of) -> None:
        """UsageError, which names the variable and never its value, when one cannot be read.

        `parent` makes a parent of what a variable names, with the options that hold for all.
        `remarks` says, for people, what they may not have meant.
        """
        self._parent_of = parent
        self.remarks: list[str] = []
        self._cgi = "REQUEST_METHOD" in environ
        self._http = self._parent(environ, "http_proxy")
        self._https = self._parent(environ, "https_proxy")
        self._all = self._parent(environ, "all_proxy")
        found = self._variable(environ, "no_proxy")
        self._no_proxy = NoProxy(found.value if found else "")
        self._no_proxy_name = found.name if found else "no_proxy"
        self.remarks += self._no_proxy.remarks

    @property
    def urls(self) -> list[ProxyUrl]:
        """What the variables name, with the passwords that stand in them."""
        return [url for found in (self._http, self._https, self._all) if found is not None for url in (found[1],)]

    async def decide(self, target: Target) -> Plan | None:
        """The variable of the target's scheme, else all_proxy."""
        found = (self._http if target.clear else self._https) or self._all
        if found is None:
            return None
        variable, url = found
        excepted = self._no_proxy.match(target)
        if excepted is not None:
            return Plan((DIRECT,), f"excepted by {excepted.text} in {self._no_proxy_name}")
        return Plan((Way((self._parent_of(url),)),), variable)

    def _parent(self, environ: Mapping[str, str], name: str) -> tuple[str, ProxyUrl] | None:
        found = self._variable(environ, name)
        if found is None:
            return None
        try:
            return found.name, parse_proxy_url(found.value)
        except UsageError as error:
            raise UsageError(
                "bad-proxy-variable", f"the variable {found.name} cannot be used", why=error.why, fix=error.fix
            ) from None

    def _variable(self, environ: Mapping[str, str], name: str) -> Variable | None:
        lower, upper = environ.get(name), environ.get(name.upper())
        if self._cgi and name == "http_proxy":
            upper = None  # a client's "Proxy:" header ends up in HTTP_PROXY
        if lower is not None and upper is not None and lower != upper:
            self.remarks.append(f"{name} and {name.upper()} differ; {name} is used (uv and Go would use the other)")
        if lower is not None:
            return Variable(name, lower) if lower else None  # set to nothing: switched off
        return Variable(name.upper(), upper) if upper else None
