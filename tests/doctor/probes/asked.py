"""What the tests of the network's probes share: a case that asks one index, without a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipway.clients.base import Effective, Installed, Setting, Surroundings
from pipway.doctor.base import Case, Subject

PIP = Installed("pip", ("pip",), "26.3", "3.11")


def case(
    index: str, folder: Path, *, command: str = "pip install parcel", project: str = "parcel",
    values: Mapping[Setting, str] = {}, environ: Mapping[str, str] = {}, patience: float = 5.0,
) -> Case:  # fmt: skip
    """pip, which asks `index` for `project`."""
    effective = {setting: Effective(setting, (value,)) for setting, value in values.items()}
    surroundings = Surroundings(environ, folder, folder)
    subject = Subject("pip", PIP, effective)
    return Case(surroundings, subject, (), index, project, command=(command,), patience=patience)
