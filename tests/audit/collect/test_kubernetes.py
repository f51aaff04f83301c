"""Kubernetes manifests."""

from __future__ import annotations

from typing import cast

from tests.audit.collect.reading import held, of

from pipway.audit.collect import kubernetes
from pipway.audit.collect.files import modules
from pipway.audit.facts import Source, Variable
from pipway.audit.walk import Tree

POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - env:\n"


def variables(text: str) -> list[tuple[str, str]]:
    source = Source("pod.yaml", text, kubernetes.KIND)
    return [(each.name, each.value) for each in of(held(kubernetes.collect(source, cast(Tree, None))), Variable)]


def test_values_and_references() -> None:
    text = POD + "        - {name: A, value: b}\n        - {name: C, valueFrom: {}}\n        - odd\n"
    assert variables(text) == [("A", "b")]


def test_a_template_says_nothing() -> None:
    assert variables("apiVersion: v1\nkind: Pod\n{{- if .Values.x }}\nspec: {{ .Values.y }}\n") == []


def test_which_files() -> None:
    assert "kubernetes" in modules("k/pod.yaml", POD)
    assert "kubernetes" not in modules("k/pod.yaml", "kind: x\napiVersion: v1")
    assert "kubernetes" not in modules("k/pod.py", POD)
