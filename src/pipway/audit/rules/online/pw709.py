"""An index that speaks HTML only.

What
----
With `--online`: an index that the configuration names answers pipway in HTML, and not in the JSON form of PEP 691.

Why
---
HTML has no upload times and no sizes, so no cooldown works on it and no download can be planned; what came after it
(project status, attestations) is not there either.

Bad
---
    # requirements.txt
    --index-url https://nexus.corp/simple/
    flask==3.0.3 --hash=sha256:58cd

    # pipway/indexes.json
    {"indexes": [{"name": "corp", "url": "https://nexus.corp/simple/"}]}

    # pipway/simple/flask.json
    {"files": [{"filename": "flask-3.0.3-py3-none-any.whl", "hashes": {"sha256": "58cd"}}]}

    # pipway/indexes/flask.json
    {"index": "corp", "form": "html"}

Good
----
    # requirements.txt
    --index-url https://nexus.corp/simple/
    flask==3.0.3 --hash=sha256:58cd

    # pipway/indexes.json
    {"indexes": [{"name": "corp", "url": "https://nexus.corp/simple/"}]}

    # pipway/simple/flask.json
    {"files": [{"filename": "flask-3.0.3-py3-none-any.whl", "hashes": {"sha256": "58cd"}}]}

    # pipway/indexes/flask.json
    {"index": "corp", "form": "json"}
"""

from __future__ import annotations

from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Index, Project
from pipway.audit.online.answers import Answers
from pipway.findings import Severity

RULE = Rule(
    "PW709",
    "html-only-index",
    "Index speaks HTML only",
    Severity.INFO,
    references=("PEP 691", "PEP 700"),
    online=True,
)
_ASKED = frozenset({"upload", "find-links"})


def check(project: Project) -> Iterator[Found]:
    """An index by its own address, or by the server's where all behind it are so."""
    if project.answers is None:
        return
    for index in project.of(Index):
        name = _of_html(project.answers, index.url) if index.role not in _ASKED else ""
        if name:
            yield Found(
                index.url_span or index.span,
                f"the index {name} gives its pages as HTML only",
                consequence="nobody learns when a file was uploaded and how large it is",
                advice="ask whoever runs it to switch on the JSON form of PEP 691",
            )


def _of_html(answers: Answers, url: str) -> str:
    behind = answers.behind(url)
    if behind is not None:
        return behind.name if behind.form == "html" else ""
    html = answers.is_server(url) and answers.indexes and all(each.form == "html" for each in answers.indexes)
    return " and ".join(each.name for each in answers.indexes) if html else ""
