"""`make scenarios`: run every scenario and print the score. The exit code is 0 when all are named and mended."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest
from tests.scenarios.stage import scenarios


class Score:
    """Listens to pytest and counts."""

    def __init__(self) -> None:
        self.failed: dict[str, str] = {}
        self.passed: set[str] = set()

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Instead of what pytest prints."""
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One line for each scenario as it ends."""
        name = report.nodeid.rpartition("[")[2].partition("]")[0]
        if "test_it_is_named_and_mended" not in report.nodeid:
            return
        if report.failed:
            self.failed[name] = report.longreprtext
        elif report.when == "call":
            self.passed.add(name)
        else:
            return
        print(f"{'no ' if report.failed else 'ok '} {name}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Words pick scenarios by their names, as pytest's -k does."""
    score = Score()
    chosen = ["-k", " or ".join(arguments)] if arguments else []
    shared = ["-n", "2", "--dist", "loadgroup"]  # most of it is waiting for programs to start
    pytest.main(["tests/scenarios/test_scenarios.py", *shared, *chosen], plugins=[score])
    for name, why in score.failed.items():
        print(f"\n{name}\n{why[-3000:]}")
    total = len((arguments and (score.passed | set(score.failed))) or scenarios())
    passed = len(score.passed - set(score.failed))
    print(f"\nscenarios: {passed} of {total}")
    return 0 if passed == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
