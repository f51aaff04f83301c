"""What the suite promises: nothing missing is silently skipped, a group shares a worker, no secret is printed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.secrets import forms

CASE = """
import pytest

@pytest.mark.needs("no-such-program", "sh")
def test_it():
    pass

@pytest.mark.live
def test_live():
    pass
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        ("", "1 passed, 1 error"),
        ("nginx", "1 passed, 1 error"),
        ("no-such-program", "1 passed, 1 skipped"),
        (" sh, live", "2 skipped"),
    ],
)
def test_a_missing_program_fails_unless_excused(tmp_path: Path, skip: str, expected: str) -> None:
    """PIPWAY_TEST_SKIP names what may be skipped, and only that."""
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_case.py").write_text(CASE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  needs\n  live\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    environ = {**os.environ, "PIPWAY_TEST_SKIP": skip, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert expected in done.stdout.splitlines()[-1]
    assert ("no-such-program not found" in done.stdout) is ("error" in expected)


GROUPED = """
import os, pathlib, pytest

@pytest.mark.xdist_group("lab")
@pytest.mark.parametrize("number", range(10))
def test_it(number):
    with pathlib.Path("workers").open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


@pytest.mark.slow
def test_tests_of_a_group_run_on_one_worker(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    for name in ("test_one.py", "test_other.py"):
        (tmp_path / name).write_text(GROUPED)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=True, timeout=60)
    workers = (tmp_path / "workers").read_text().split()
    assert len(workers) == 20
    assert len(set(workers)) == 1


PRINTING = """
import logging, sys
import pytest
from tests.lab.secrets import LOGINS, forms

@pytest.mark.parametrize("number", range(len(forms())))
def test_out(number):
    print("before", sorted(forms())[number], "behind")

def test_error():
    sys.stderr.write(LOGINS[0][1])

def test_log():
    logging.getLogger("any").warning("%s", LOGINS[0][1])

def test_nothing():
    print("harmless")
"""


@pytest.mark.slow
def test_who_prints_a_secret_of_the_lab_has_failed(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_case.py").write_text(PRINTING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert f"{len(forms()) + 2} failed, 1 passed" in done.stdout.splitlines()[-1]
