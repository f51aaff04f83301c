"""The environments of images and containers, whose secrets have rules of their own: PW304 and PW315.

PW301, PW302 and PW315 ask it, so that one secret is told once. Pure.
"""

from __future__ import annotations

from pipway.audit.facts import Project, Span, Variable

KINDS = frozenset({"compose", "kubernetes", "devcontainer"})
_OF_IMAGES = frozenset({"ARG", "ENV"})


def is_in_image(variable: Variable) -> bool:
    """ARG and ENV of a Dockerfile."""
    return variable.span.source.kind == "dockerfile" and variable.how in _OF_IMAGES


def is_of_container(variable: Variable) -> bool:
    """What a container is started with, but not what its commands set."""
    return variable.span.source.kind in KINDS and variable.how not in ("shell", "export", "prefix")


def environments(project: Project) -> frozenset[Span]:
    """Where they are set."""
    variables = project.of(Variable)
    return frozenset(each.span for each in variables if is_in_image(each) or is_of_container(each))
