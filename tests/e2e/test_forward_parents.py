"""The proxy on the one port in front of every kind of parent proxy: curl and pip know `--proxy` and nothing else.

As in test_parents.py, index.example is a name that only the squids know; the others are asked by address.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.contracts.stream import serving as certified
from tests.e2e import fetchers
from tests.e2e.clients import Pip, Uv
from tests.e2e.fetchers import Fetch, Proxy
from tests.e2e.lab import old_python
from tests.e2e.served import Pipway, serving
from tests.e2e.test_parents import WAYS, Way, logons, no_secret_in, ntlm
from tests.lab.kerberos import Kdc
from tests.lab.squid import NtlmSquid
from tests.servers.distributions import padding
from tests.servers.upstream import Upstream
from tests.servers.web_site import Site

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.needs("squid", "curl", "git"), pytest.mark.slow]

BIG = random.Random("far").randbytes(6 << 20)
SUM = hashlib.sha256(BIG).hexdigest()
PADDING = 2_000_000
PIP = Pip("26.*")


class Far:
    """What is behind the parents: an index, and a site in clear and with TLS."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca, self.file = folder / "root.pem", folder / "www" / "big.bin"
        authority.cert_pem.write_to_path(str(self.ca))
        tls = certified(authority, "index.example", "127.0.0.1")
        self.file.parent.mkdir()
        self.file.write_bytes(BIG)
        self.sites = [Site(self.file.parent), Site(self.file.parent, tls)]
        self.index = Upstream(tls=tls, relative_links=True)
        self.index.add_wheel("root", requires=["leaf"], size_padding=PADDING)
        self.index.add_wheel("leaf")

    @staticmethod
    def url(way: Way, url: str) -> str:
        return url.replace("127.0.0.1", "index.example") if way.named else url

    @contextlib.contextmanager
    def behind(self, way: Way, data: Path) -> Iterator[tuple[Pipway, Proxy]]:
        """pipway with this parent, as a proxy that may reach all of it. Nobody says a secret or loses a logon."""
        _, bad = logons(way)
        passed = way.squid.let_through if way.squid is not None else 0
        urls = [self.url(way, each) for each in (self.index.url, *(site.url for site in self.sites))]
        settings = {
            "no_proxy": "none",
            "extra_ca": str(self.ca),
            "forward.allow": ",".join(u.split("/")[2] for u in urls),
        }
        if way.parent:
            settings["parent"] = way.parent
        with serving(data, f"far={urls[0]}", settings=settings | way.settings) as server:
            yield server, Proxy("http", *server.address)
            no_secret_in(server)
        if way.squid is not None:
            assert way.squid.let_through > passed
            assert logons(way)[1] == bad


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    made = Far(tmp_path_factory.mktemp("far"))
    with made.sites[0].in_threads(), made.sites[1].in_threads(), made.index.in_thread():
        yield made


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest, kdc: Kdc, monkeypatch: pytest.MonkeyPatch) -> Way:
    for name, value in kdc.env.items():
        monkeypatch.setenv(name, value)
    made: Way = request.param(request.getfixturevalue)
    return made


def install(far: Far, way: Way, proxy: Proxy, installer: Pip | Uv, target: Path) -> None:
    """From the https index, in tunnels."""
    options, env = ["--proxy", proxy.url, "--cert", str(far.ca)], {}
    if isinstance(installer, Uv):
        options, env = [], {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": str(far.ca)}
    done = installer.install(far.url(way, far.index.url), ["root"], target, options=options, env=env)
    assert done.code == 0, done
    assert (target / "leaf" / "__init__.py").exists()
    assert (target / "root" / "padding.bin").read_bytes() == padding("root-1.0", PADDING)


def test_curl_and_pip(far: Far, way: Way, tmp_path: Path) -> None:
    """Downloads, uploads whose body must survive the parent's login, and an installation."""
    with far.behind(way, tmp_path / "data") as (_, proxy):
        for site in far.sites:
            url = far.url(way, site.url)
            fetch = Fetch(f"{url}/big.bin", tmp_path / "big.bin", proxy, far.ca)
            done = fetchers.curl(fetch)
            assert done.code == 0, done
            assert hashlib.sha256(fetch.target.read_bytes()).hexdigest() == SUM
            for more in ([], ["--header", "Transfer-Encoding: chunked", "--header", "Expect:"]):
                fetch = Fetch(f"{url}/up", tmp_path / "said", proxy, far.ca)
                done = fetchers.curl(fetch, "--upload-file", str(far.file), *more)
                assert done.code == 0, done
                assert fetch.target.read_text() == f"PUT {len(BIG)} {SUM}\n"
        install(far, way, proxy, PIP, tmp_path / "target")


def test_an_upload_comes_first(far: Far, way: Way, tmp_path: Path) -> None:
    """The very first request has a body, and the parent asks for a login before it takes it."""
    with far.behind(way, tmp_path / "data") as (_, proxy):
        fetch = Fetch(f"{far.url(way, far.sites[0].url)}/up", tmp_path / "said", proxy, far.ca)
        done = fetchers.curl(fetch, "--upload-file", str(far.file))
        assert done.code == 0, done
        assert fetch.target.read_text() == f"PUT {len(BIG)} {SUM}\n"


def test_others_through_ntlm(far: Far, ntlm_squid: NtlmSquid, tmp_path: Path) -> None:
    """The oldest pip, uv, curl over SOCKS, and many at once."""
    way = ntlm(lambda _: ntlm_squid)
    with far.behind(way, tmp_path / "data") as (_, proxy):
        for installer in (Pip("20.3.4", old_python()), Uv()):
            install(far, way, proxy, installer, tmp_path / installer.name)
        for site in far.sites:
            url = f"{far.url(way, site.url)}/big.bin?[1-12]"
            for scheme in ("http", "socks5h", "socks4a"):
                fetch = Fetch(url, tmp_path / f"{scheme}-{site.port}-#1.bin", proxy.over(scheme), far.ca)
                done = fetchers.curl(fetch, "--parallel", "--parallel-max", "12", "--parallel-immediate")
                assert done.code == 0, done
                for file in tmp_path.glob(f"{scheme}-{site.port}-*.bin"):
                    assert hashlib.sha256(file.read_bytes()).hexdigest() == SUM
                    file.unlink()
