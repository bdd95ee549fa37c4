"""The documents of previews: what no policy keeps from the network is not in them."""

import pytest

from tests.support.speed import takes_at_most
from webapp.rendering.preview_search import previewed
from webapp.rendering.previews import DiagramLook, PreviewSource, diagram, document, link_kind, own_title, versions


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


@pytest.mark.parametrize(
    ("preview", "title"),
    [
        (PreviewSource("html", "<head><TITLE>A &amp; B\n C</TITLE>"), "A & B C"),
        (PreviewSource("html", "<body><H1 class=a>The <em>river</em>\n mill</h1><h1>x</h1>"), "The river mill"),
        (PreviewSource("html", "<h1>" * 5_000), ""),
        (PreviewSource("svg", "<svg><title id=t>Mill</title>"), "Mill"),
        (PreviewSource("mermaid", "---\ntitle: Flow\n---\ngraph TD"), "Flow"),
        (PreviewSource("mermaid", "pie title Pets\n"), "Pets"),
        (PreviewSource("mermaid", "gantt\n  title The plan\n"), "The plan"),
        (PreviewSource("mermaid", "graph TD\n  A[title] --> B"), ""),
        (PreviewSource("table", "title,x\n"), ""),
    ],
)
def test_its_title_is_in_its_source(preview, title):
    assert own_title(preview) == title


def test_a_version_has_the_same_title_or_half_of_the_lines():
    first, second, other = PreviewSource("svg", "a\nb\nc\nd"), PreviewSource("svg", "a\nb\nx\nd"), PreviewSource("svg", "e\nf")
    third = PreviewSource("svg", "a\nz\nx\nd")
    page = PreviewSource("html", "a\nb\nc\nd")
    all_of_them = [first, page, other, second, third]
    assert versions(all_of_them, 0) == versions(all_of_them, 4) == [0, 3, 4]
    assert versions(all_of_them, 1) == [1]
    assert versions(all_of_them, 2) == [2]
    titled = [PreviewSource("html", f"<title>Snake</title>{number}") for number in range(2)]
    assert versions(titled, 1) == [0, 1]
    tables = [PreviewSource("table", "a,b\n1,2"), PreviewSource("table", "a,b\n3,4"), PreviewSource("table", "a,c\n1,2")]
    assert versions(tables, 0) == [0, 1]


def test_versions_of_many_are_found_at_once():
    sources = [
        PreviewSource("html", f"<title>{number}</title>" + "<title" * 3_000 + f"\n{number}" * 200) for number in range(120)
    ]
    with takes_at_most(1):
        assert versions(sources, 60) == [60]


def test_two_of_one_message_are_no_versions_of_each_other():
    twins = [PreviewSource("svg", "<svg/>")] * 4
    assert [versions(twins, place, [0, 0, 1, 1]) for place in range(4)] == [[0, 2], [1, 3], [0, 2], [1, 3]]
    assert versions(twins, 0, [0, 0, 0, 0]) == [0]


def test_what_a_text_contains_is_found_with_its_heading():
    text = """## The *mill*

```svg
<svg/>
```

**By month**

> | A | B |
> |---|---|
> | x `y` | [1](https://a.example) |

    not this

```python
print()
```

```csv
a,b
```
"""
    assert previewed(text) == {
        0: PreviewSource("svg", "<svg/>\n", "The *mill*"),
        1: PreviewSource("table", "A,B\nx y,1\n", "The *mill*"),
        4: PreviewSource("table", "a,b\n", "The *mill*"),
    }
    assert previewed("**By month**:\n\n| A | B |\n|---|---|\n| x | 1 |")[0].heading == "By month"
