"""Runs inside a tool's own Python: many runs of one program, which is loaded once and forked for each.

`python many_runs.py MODULE:FUNCTION MODULE…` loads these modules, reads a list of {"arguments", "environ", "cwd",
"names", "bare", "path"} from standard input and writes one line of JSON about each. `names`: every host name is this
machine's; `bare`: the program believes that it runs outside of a virtual environment; `path`: comes first in sys.path.
"""

# mypy: ignore-errors
import importlib
import json
import os
import socket
import sys
import tempfile
import time
import traceback


def run(main, program, wanted):
    """Exit code and output of one run, in a fork."""
    with tempfile.TemporaryFile() as output:
        sys.stdout.flush()
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os._exit(within(main, program, wanted))
        _, status = os.waitpid(child, 0)
        seconds = time.monotonic() - began
        output.seek(0)
        text = output.read().decode(errors="replace")
        return {"code": os.waitstatus_to_exitcode(status), "output": text, "seconds": seconds}


def within(main, program, wanted):
    """As the program's own script calls it; its exit code."""
    os.environ.clear()
    os.environ.update(wanted["environ"])
    os.chdir(wanted["cwd"])
    sys.argv = [program, *wanted["arguments"]]
    sys.path[:0] = wanted.get("path", [])
    if wanted.get("bare"):
        sys.prefix = sys.base_prefix
    if wanted.get("names"):
        real = socket.getaddrinfo
        socket.getaddrinfo = lambda host, *rest, **more: real("127.0.0.1", *rest, **more)
    try:
        code = main()
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code)
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code or 0)


def without_the_machines_own():
    """What a pip.conf below /etc says is not of the test."""
    if "pip._internal" in sys.modules:
        appdirs = importlib.import_module("pip._internal.utils.appdirs")
        real = appdirs.site_config_dirs
        appdirs.site_config_dirs = lambda name: [path for path in real(name) if not path.startswith("/etc")]


if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(":")
    called = getattr(importlib.import_module(module), function)
    for name in sys.argv[2:]:
        importlib.import_module(name)
    without_the_machines_own()
    wanted = json.load(sys.stdin)
    for each in wanted:
        print(json.dumps(run(called, module.partition(".")[0], each)))
