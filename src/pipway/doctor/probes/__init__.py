"""The steps of `pipway doctor`, one module each, in the order in which they are tried."""

from __future__ import annotations

from pipway.doctor.base import Probe
from pipway.doctor.probes import (
    clients,
    clock,
    configuration,
    connect,
    download,
    index,
    login,
    mtu,
    names,
    portal,
    proxy,
    reach,
    tls,
)

PROBES: tuple[Probe, ...] = (
    configuration.PROBE,
    names.PROBE,
    reach.PROBE,
    proxy.PROBE,
    connect.PROBE,
    login.PROBE,
    clock.PROBE,
    tls.PROBE,
    portal.PROBE,
    index.PROBE,
    connect.FILES,
    download.PROBE,
    mtu.PROBE,
    clients.PROBE,
)
