"""Runs inside a tool's own Python, by many_runs.py: the part of the tool that reads a file, and nothing after it.

Each function is called as a program is: its arguments are in sys.argv, it fails with an exception.
"""

# mypy: ignore-errors
# ruff: noqa: PLC0415
import sys
from pathlib import Path


def requirements():
    """pip's: every line becomes an option or a requirement."""
    from pip._internal.req.constructors import install_req_from_parsed_requirement
    from pip._internal.req.req_file import parse_requirements

    for line in parse_requirements(sys.argv[1], session=None):
        requirement = install_req_from_parsed_requirement(line)
        requirement.hashes()
        print(requirement)


def pip_options():
    """pip's: the options of a command line, of its environment and of its files."""
    from pip._internal.cli.main_parser import parse_command
    from pip._internal.commands import create_command

    name, rest = parse_command(sys.argv[1:])
    print(create_command(name).parser.parse_args(rest))


def pypirc():
    """twine's."""
    from twine.utils import get_config

    print(get_config(sys.argv[1]))


def pipfile():
    """pipenv's."""
    from pipenv.project import Project

    print(sorted(Project().pipfile.parsed))


def pdm():
    """PDM's."""
    from pdm.core import Core

    print([source.name for source in Core().create_project(Path.cwd()).sources])


def setup_cfg():
    """setuptools'."""
    from setuptools.config.setupcfg import read_configuration

    print(sorted(read_configuration(sys.argv[1])))
