"""The settings file described as JSON Schema, for editors; made from the table."""

from __future__ import annotations

from typing import Any

from pipway.settings.table import options


def json_schema() -> dict[str, Any]:
    """The schema of `pipway.toml` (JSON Schema draft 2020-12)."""
    root: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pipway settings",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "upstream": {
                "type": "array",
                "description": "Indexes to fetch from, one table each.",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["url"],
                    "properties": {key: {"type": "string"} for key in ("name", "url", "ca", "client_certificate")},
                },
            },
            "route": {
                "type": "array",
                "description": "Ways out by target, one table each; the first that matches decides.",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["match", "via"],
                    "properties": {"match": {}, "via": {}, "prefer": {"enum": ["order", "fastest"]}},
                },
            },
        },
    }
    for option in options():
        place = root
        *groups, last = option.name.split(".")
        for group in groups:
            empty = {"type": "object", "additionalProperties": False, "properties": {}}
            place = place["properties"].setdefault(group, empty)
        described = {**option.kind.schema, "description": option.help}
        if option.default is not None:
            described["default"] = option.kind.show(option.default)
        place["properties"][last] = described
    return root
