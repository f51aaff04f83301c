"""Commands whose arguments are texts, files and flags, handed on as they were typed.

Typer would load pydantic to make texts of texts and nothing of None; that takes as long as the audit of a small
repository. The program itself and `audit` use it. What uses it has no numbers, choices or required arguments, and makes
paths of its paths itself.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from typer.core import TyperCommand, TyperGroup


class AsTyped(TyperCommand):
    """For `@app.command(cls=AsTyped)`."""

    def get_params(self, ctx: Any) -> Any:
        """All of them, --help too."""
        return _as_typed(super().get_params(ctx))


class GroupAsTyped(TyperGroup):
    """For `typer.Typer(cls=GroupAsTyped)`."""

    def get_params(self, ctx: Any) -> Any:
        """All of them, --help too."""
        return _as_typed(super().get_params(ctx))


def _as_typed(parameters: Any) -> Any:
    for parameter in parameters:
        parameter.process_value = partial(_value, parameter)
    return parameters


def _value(parameter: Any, context: Any, value: Any) -> Any:
    return value if parameter.callback is None else parameter.callback(context, parameter, value)
