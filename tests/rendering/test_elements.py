"""The HTML of the elements, one by one."""

import pytest

from webapp.rendering.elements import CURSOR
from webapp.rendering.markdown import GrowingMarkdown, render

REL = 'rel="noopener noreferrer nofollow ugc"'


def code(language: str, body: str) -> str:
    header = f'<div class="code"><header><span>{language}</span></header>'
    return f'{header}<pre dir="ltr" tabindex="0"><code>{body}</code></pre></div>\n'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a ~~b~~ *c* **d**", "<p>a <s>b</s> <em>c</em> <strong>d</strong></p>\n"),
        ("<b onclick=a>c</b>", "<p>&lt;b onclick=a&gt;c&lt;/b&gt;</p>\n"),
        ("a\0b", "<p>a\ufffdb</p>\n"),
        ("a\rb\r\nc", "<p>a\nb\nc</p>\n"),
        ("7. a", '<ol start="7">\n<li>a</li>\n</ol>\n'),
        ("```\na < b\n```", code("text", "a &lt; b\n")),
        ("``` js&lt; b\n```", code("js&lt;", "")),
        ("```app-header modal\nx\n```", code("app-header", "x\n")),
        ("    a", code("text", "a\n")),
        ("# a\n\n###### b", "<h2>a</h2>\n<h6>b</h6>\n"),
        ("~~~" + "x" * 99, code("x" * 30, "")),
        ("```py\nx = 1", code("py", 'x <span class="o">=</span> <span class="n">1</span>')),
    ],
)
def test_words_and_code(text: str, html: str) -> None:
    assert render(text) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("[a](https://e.example 't')", f'<a href="https://e.example" title="t" {REL}>a</a>'),
        ("<mailto:a@e.example>", f'<a href="mailto:a@e.example" {REL}>mailto:a@e.example</a>'),
        ("[a](HTTPS://e.example)", f'<a href="HTTPS://e.example" {REL}>a</a>'),
        ("[*a*](/logout)", "<em>a</em>"),
        ("[a](//e.example)", "a"),
        ("[a](ms-msdt:/id)", "a"),
        ("[a](javascript:b)", "[a](javascript:b)"),
        ("see https://e.example/a_(b).", f'see <a href="https://e.example/a_(b)" {REL}>https://e.example/a_(b)</a>.'),
        ("(https://e.example/)", f'(<a href="https://e.example/" {REL}>https://e.example/</a>)'),
        ("访问https://e.example/a。", "访问https://e.example/a。"),
        ("看 https://e.example/a看", f'看 <a href="https://e.example/a" {REL}>https://e.example/a</a>看'),
        ("[https://a.example](https://e.example)", f'<a href="https://e.example" {REL}>https://a.example</a>'),
        ("`https://e.example`", "<code>https://e.example</code>"),
        ("https:// a", "https:// a"),
        ("xhttps://e.example", "xhttps://e.example"),
    ],
)
def test_links_lead_to_the_web_or_to_mail(text: str, html: str) -> None:
    assert render(text) == f"<p>{html}</p>\n"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("![*a* b](https://e.example/p)", f'<a href="https://e.example/p" {REL}>a b (image on e.example)</a>'),
        ("![](https://u@e.example/p)", f'<a href="https://u@e.example/p" {REL}>image (image on e.example)</a>'),
        ("![a<](/p.png)", "a&lt;"),
        ("![a](//e.example/p)", "a"),
        ("![a](http://[)", "a"),
        ("![a](data:image/png;base64,AA)", "a"),
        (
            "[![a](https://i.example/p)](https://e.example)",
            f'<a href="https://e.example" {REL}>a (image on i.example)</a>',
        ),
        ("[![a](https://i.example/p)](/e)", f'<a href="https://i.example/p" {REL}>a (image on i.example)</a>'),
    ],
)
def test_an_image_is_a_link_that_names_its_host(text: str, html: str) -> None:
    assert render(text) == f"<p>{html}</p>\n"


def test_a_table_scrolls_in_itself_and_aligns_by_class() -> None:
    html = render("| a | b | c | d |\n|---|:-:|--:|:--|\n| 1 | 2 | 3 | 4 |")
    assert html.startswith('<div class="table table--wide" tabindex="0"><table>\n<thead>')
    link = '<a class="view" href="/messages/\ue002/preview?block=0" data-panel>Open in side panel</a>'
    assert html.endswith(f"</table></div>\n{link}")
    assert '<td>1</td>\n<td class="center">2</td>\n<td class="end">3</td>\n<td>4</td>' in html
    assert "style" not in html


def test_csv_is_a_table_first_with_its_source_below() -> None:
    html = render("```csv\nName;Price\n<b>Ada</b>;3\nBob;5\n```")
    assert html.startswith('<div class="table" tabindex="0"><table>\n<thead>')
    assert '<td dir="auto">&lt;b&gt;Ada&lt;/b&gt;</td><td dir="auto" class="end">3</td>' in html
    assert 'data-panel>Open in side panel</a>\n<details><summary>Source</summary>\n<div class="code">' in html
    assert "Name;Price\n&lt;b&gt;Ada&lt;/b&gt;;3\nBob;5\n</code>" in html


@pytest.mark.parametrize("rows", ["Name;Price", "Name\nAda", "a,b\n" + "1,2\n" * 501, ""])
def test_csv_that_is_no_table_or_a_large_one_is_its_source(rows: str) -> None:
    assert render(f"```csv\n{rows}\n```").startswith('<div class="code">')
    assert render("```csv\na,b\n1,2").startswith('<div class="code">'), "it is still written"


@pytest.mark.parametrize(("columns", "is_wide"), [(1, False), (3, False), (4, True), (9, True)])
def test_a_table_of_many_columns_says_so(columns: int, is_wide: bool) -> None:
    html = render(f"{'| a ' * columns}|\n{'|---' * columns}|\n{'| b ' * columns}|")
    assert html.startswith('<div class="table table--wide"' if is_wide else '<div class="table" ')


def test_a_task_has_a_mark_with_a_name() -> None:
    html = render("- [ ] a\n- [x] *b*\n- [x]c\n- [X]\n  d\n- \\[ ] e")
    assert '<li class="to-do"><span class="task" role="img" aria-label="to do">☐</span> a</li>' in html
    assert '<li class="to-do"><span class="task task--done" role="img" aria-label="done">☑\ufe0e</span> <em>b</em></li>' in html
    assert "<li>[x]c</li>" in html
    assert "<li>[ ] e</li>" in html
    assert "<input" not in html


def test_a_task_may_stand_in_a_loose_list() -> None:
    assert '<p><span class="task"' in render("- [ ] a\n\n- [ ] b")


def test_only_what_holds_right_to_left_letters_chooses_its_direction() -> None:
    assert render("a\n\nשלום") == '<p>a</p>\n<p dir="auto">שלום</p>\n'
    assert render("> - مرحبا").startswith('<blockquote dir="auto">\n<ul dir="auto">\n<li dir="auto">')


def test_an_open_fence_has_the_looks_of_a_closed_one() -> None:
    growing = GrowingMarkdown()
    growing.feed("```python\nx = 1\ny")
    assert growing.tail == code("python", f"x = 1\ny{CURSOR}")
    assert [change.kind for change in growing.feed(" = <\n")] == ["append"]
    assert growing.tail == code("python", f"x = 1\ny = &lt;\n{CURSOR}")


def test_a_closed_fence_gets_its_colours_at_once() -> None:
    growing = GrowingMarkdown()
    growing.feed("```python\nNone\n")
    changes = growing.feed("```\n")
    assert [change.kind for change in changes] == ["seal", "tail"]
    assert changes[0].html == code("python", '<span class="b">None</span>\n')
    assert growing.tail == ""
