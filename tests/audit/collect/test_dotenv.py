""".env files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.audit.collect.reading import collected, of, options

from pipway.audit.collect import dotenv
from pipway.audit.facts import Index, Option, Variable

TEXT = """# PIP_NO=1
export PIP_EXTRA_INDEX_URL="https://a.corp/s https://b.corp/s"
HTTPS_PROXY=http://u:p#w@proxy:8080 # why
UV_INDEX='corp=https://c.corp/s'
EMPTY=
POETRY_HTTP_BASIC_CORP_PASSWORD=hunter2
"""


def test_variables_and_the_options_they_are() -> None:
    found = collected(dotenv, TEXT, ".env.production")
    assert [(each.name, each.value) for each in of(found, Variable)] == [
        ("PIP_EXTRA_INDEX_URL", "https://a.corp/s https://b.corp/s"),
        ("HTTPS_PROXY", "http://u:p#w@proxy:8080"),
        ("UV_INDEX", "corp=https://c.corp/s"),
        ("EMPTY", ""),
        ("POETRY_HTTP_BASIC_CORP_PASSWORD", "hunter2"),
    ]
    assert options(found) == [
        ("pip", "extra-index-url", "https://a.corp/s"),
        ("pip", "extra-index-url", "https://b.corp/s"),
        ("uv", "index", "corp=https://c.corp/s"),
        ("poetry", "password", "hunter2"),
    ]
    assert [(index.name, index.url) for index in of(found, Index)][2] == ("corp", "https://c.corp/s")
    assert of(found, Option)[0].span.text.startswith("export PIP_EXTRA_INDEX_URL=")
    assert "hunter2" not in repr(found)


@given(st.text(alphabet=st.sampled_from(list("AB=\"'\\# \n\r\texport"))))
def test_any_text_has_places(text: str) -> None:
    collected(dotenv, text, ".env")
