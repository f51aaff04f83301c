"""Every setting once: type, default, environment name, help, and where its value came from.

Only `app` and `cli` import this; everyone else gets plain arguments.
"""

from pipway.settings.sources import SettingsError, load
from pipway.settings.table import Settings
from pipway.settings.values import Address, Upstream

__all__ = ["Address", "Settings", "SettingsError", "Upstream", "load"]
