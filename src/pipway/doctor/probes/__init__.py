"""The steps of `pipway doctor`, one module each, in the order in which they are tried."""

from __future__ import annotations

from pipway.doctor.base import Probe
from pipway.doctor.probes import clients, configuration, connect, reach

PROBES: tuple[Probe, ...] = (configuration.PROBE, reach.PROBE, connect.PROBE, clients.PROBE)
