"""What the end-to-end tests share: the matrix of installers."""

from __future__ import annotations

import pytest
from tests.e2e.clients import matrix


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test that asks for `installer` the whole matrix; one worker takes all tests of one installer."""
    own = {mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")}
    if "installer" in metafunc.fixturenames and "installer" not in own:
        rows = [pytest.param(each, marks=pytest.mark.xdist_group(each.name), id=each.name) for each in matrix()]
        metafunc.parametrize("installer", rows, scope="module")
