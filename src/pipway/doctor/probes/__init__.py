"""The steps of `pipway doctor`, one module each, in the order in which they are tried."""

from __future__ import annotations

from pipway.doctor.base import Probe
from pipway.doctor.probes import (
    autoconfig,
    clients,
    clock,
    configuration,
    connect,
    download,
    index,
    login,
    mtu,
    names,
    ownership,
    portal,
    proxy,
    reach,
    tls,
)

PROBES: tuple[Probe, ...] = (
    configuration.PROBE,
    autoconfig.PROBE,
    names.PROBE,
    reach.PROBE,
    proxy.PROBE,
    connect.PROBE,
    login.PROBE,
    clock.PROBE,
    tls.PROBE,
    portal.PROBE,
    index.PROBE,
    ownership.PROBE,
    download.PROBE,
    mtu.PROBE,
    clients.PROBE,
)
