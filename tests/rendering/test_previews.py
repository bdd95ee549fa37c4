"""The documents of previews: what no policy keeps from the network is not in them."""

import pytest

from webapp.rendering.previews import DiagramLook, diagram, document, link_kind


@pytest.mark.parametrize("kind", ["html", "svg"])
@pytest.mark.parametrize(
    "code",
    [
        '<LINK rel=preconnect href="//evil.example">',
        '<link/rel=dns-prefetch href="//evil.example">',
        '<meta http-equiv="x-dns-prefetch-control" content="on">',
        "<meta HTTP-EQUIV=refresh content='0;url=//evil.example'>",
        "<template ShadowRootMode=open><iframe srcdoc=x></iframe></template>",
    ],
)
def test_nothing_in_it_reaches_out_by_itself(kind: str, code: str) -> None:
    made = document(kind, code, is_run=True).lower()
    assert not [words for words in ("<link ", "<link/", "http-equiv", " shadowrootmode") if words in made]


def test_the_rest_stays_as_it_was() -> None:
    page = "<meta charset=utf-8><p onclick='go()'>Links: <a href='/x'>x</a></p><script>linked = 1</script>"
    assert document("html", page) == f"<!doctype html>{page}"


@pytest.mark.parametrize(
    ("info", "code", "link"),
    [
        ("html", "<p>A page</p>", "view"),
        ("mermaid", "graph LR\n  A --> B --> C --> D\n" + "  D --> E\n" * 20, "small"),
        ("mermaid", "graph TD\n  A --> B", "small"),
        ("mermaid", "%% A comment\n\ngraph TD\n  A --> B\n  B --> C\n  C --> D", "medium"),
        ("mermaid", "sequenceDiagram\n" + "  A->>B: Open\n" * 12, "large"),
        ("mermaid", "pie\n" + '  "A" : 1\n' * 30, "medium"),
        ("mermaid", "", "small"),
        ("mermaid", "graph TD\n" + "  A --> B\n" * 6_000, "view"),
        ("svg", '<svg viewBox="0 0 600 100">', "small"),
        ("svg", '<svg class="x"\n  viewBox="0,0,800,600">', "large"),
        ("svg", '<svg viewBox="0 0 1.2.3 0">', "medium"),
        ("svg", "<svg><circle/></svg>", "medium"),
        ("svg", '<svg viewBox="0 0 ' + "9" * 400 + " " + "9" * 400 + '">', "large"),
    ],
)
def test_the_height_of_a_drawing_is_known_before_it_is_drawn(info: str, code: str, link: str) -> None:
    assert link_kind(info, code) == link


@pytest.mark.parametrize(
    ("look", "present", "absent"),
    [
        (DiagramLook(), ("light dark", "prefers-contrast: more", "null ??"), ("#drawn:not(:empty)",)),
        (
            DiagramLook("dark", has_contrast=True, is_fitted=True),
            ("color-scheme:dark", "@media all", "true ??", "max-height"),
            (),
        ),
        (DiagramLook("light"), ("color-scheme:light;", "false ??"), ("light dark",)),
    ],
)
def test_a_diagram_has_the_look_of_its_reader(look: DiagramLook, present: tuple[str, ...], absent: tuple[str, ...]) -> None:
    page = diagram("graph TD\n  A --> <script>", script="/drawer.js", nonce="n1", look=look)
    assert [words for words in present if words not in page] == []
    assert [words for words in absent if words in page] == []
    assert "<script>" not in page
