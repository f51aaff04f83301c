"""The JSON Schema of the settings file follows the table."""

from __future__ import annotations

import json
from typing import Any

from pipway.settings.schema import json_schema
from pipway.settings.table import options


def test_every_setting_is_described() -> None:
    """With its sentence; nothing else is allowed, so an editor marks a typing error."""
    schema: Any = json.loads(json.dumps(json_schema()))
    for option in options():
        place = schema
        for part in option.name.split("."):
            assert place["additionalProperties"] is False
            place = place["properties"][part]
        assert place["description"] == option.help
    assert schema["properties"]["upstream"]["items"]["required"] == ["url"]
    assert schema["properties"]["cache"]["properties"]["page_ttl"]["default"] == "10m"
    assert "default" not in schema["properties"]["data"]  # it depends on the machine
