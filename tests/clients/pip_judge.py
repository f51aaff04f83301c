"""Runs inside a real pip: what it makes of command lines and environments, one line of JSON each.

Standard input: [[[root, prefix], arguments, environment, url], …]. `root` stands for the root of the file system.
"""

# mypy: ignore-errors
import inspect
import json
import os
import sys
from typing import Any

from pip._internal.cli.main_parser import parse_command
from pip._internal.commands import create_command
from pip._internal.network.session import PipSession
from pip._internal.utils import appdirs
from pip._vendor.requests.utils import select_proxy


def one(arguments: list[str], environ: dict[str, str], url: str) -> dict[str, Any]:
    """As pip's main does it, up to the session that would ask."""

    os.environ.clear()
    os.environ.update(environ)
    name, rest = parse_command(arguments)
    command = create_command(name, isolated="--isolated" in rest)
    options, _ = command.parser.parse_args(rest)
    session = command._build_session(options)
    # What PipSession.request does before it asks for the environment's settings.
    own = dict(session.proxies) if 'setdefault("proxies"' in inspect.getsource(PipSession.request) else {}
    settings = session.merge_environment_settings(url, own, None, None, None)
    return {
        "index": options.index_url,
        "extra indexes": options.extra_index_urls,
        "find-links": options.find_links,
        "no-index": options.no_index,
        "proxy": select_proxy(url, settings["proxies"]),
        "CA": settings["verify"],
        "client certificate": settings["cert"],
        "trusted hosts": options.trusted_hosts,
        "timeout": options.timeout,
        "retries": options.retries,
        "hash mode": options.require_hashes,
        "keyring": getattr(options, "keyring_provider", None),
        "uploaded before": None,
        "require virtualenv": options.require_venv,
    }


def main() -> None:
    """Answer all of them."""

    original = appdirs.site_config_dirs
    for (root, prefix), arguments, environ, url in json.load(sys.stdin):
        appdirs.site_config_dirs = lambda name, root=root: [
            root + path if path.startswith("/etc") else path for path in original(name)
        ]
        sys.prefix = prefix
        try:
            answer = one(arguments, environ, url)
        except SystemExit as error:
            answer = {"exit": error.code}
        except Exception as error:
            answer = {"error": repr(error)}
        print("ANSWER " + json.dumps(answer))


if __name__ == "__main__":
    main()
