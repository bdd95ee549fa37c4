"""Previews of what models write: as pages, and for the panel beside the chat."""

import pytest

ANSWER = "```html\n<p>Hello</p>\n```\n\n```mermaid\ngraph TD\n  A --> B\n```\n"


@pytest.fixture
def message(owner, answered, fake) -> str:
    fake.says(ANSWER)
    return str(owner.page(answered(owner)).message_ids[-1])


def test_a_preview_is_a_page_and_a_panel(owner, message):
    page, panel = owner.page(f"/messages/{message}/preview?block=0"), owner.htmx_get(f"/messages/{message}/preview?block=0")
    assert page.one("h1").text() == panel.one("#panel-title").text() == "Preview"
    for shown in (page, panel):
        assert shown.one("iframe").attributes["sandbox"] == "allow-scripts"
        assert shown.one("form[action*=preview]").attributes["method"] == "post"
    run = owner.post(f"/messages/{message}/preview?block=0", headers={"HX-Request": "true"})
    assert "scripts=run" in run.one("iframe").attributes["src"]
    assert panel.one("[title='Open as a page']").attributes["href"] == f"/messages/{message}/preview?block=0"
    assert owner.htmx_get(f"/messages/{message}/preview?block=1").one("#panel-title").text() == "Diagram"


def test_a_diagram_is_drawn_as_its_reader_looks_at_the_rest(owner, message):
    frame = owner.client.get(f"/messages/{message}/frame?block=1&fit&theme=dark&contrast=more")
    assert "color-scheme:dark" in frame.text
    assert "allow-scripts" in frame.headers["Content-Security-Policy"]
    # Anything else in the address is left out.
    assert "color-scheme:light dark" in owner.client.get(f"/messages/{message}/frame?block=1&theme=}}%3Cscript%3E").text


def test_neither_is_for_strangers(stranger, message):
    for path in ("preview?block=0", "frame?block=0"):
        assert stranger.get(f"/messages/{message}/{path}").status_code == 404
        assert stranger.htmx_get(f"/messages/{message}/{path}").status_code == 404
