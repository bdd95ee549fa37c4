"""Documents to render: CommonMark's own examples, joined and cut in every way."""

import re
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from webapp.rendering.markdown import CURSOR, HtmlChange

SPEC = Path(__file__).parents[2] / "node_modules/commonmark-spec/spec.txt"
EXAMPLE = re.compile(r"^`{32} example\n(.*?)^\.\n(.*?)^`{32}$", re.MULTILINE | re.DOTALL)
OURS = [
    "| a | b |\n|:-:|--:|\n| 1 | `x` |\n| 2 |\n",
    "|a\n|-\n" + "|\n" * 30,
    "- [ ] open\n- [x] done\n\n  - [X] deep\n",
    "```python\ndef f(x):\n    return '''a\n\n'''\n```\n",
    "1. one\n\n   ```js\n   let a = `b\n   ```\n2. two\n",
    "> ~~gone~~ שלום\n>\n> - مرحبا\n",
    "See https://example.org/a_(b), and **https://example.org/c?d=e**.\n",
    "![picture [x](y)](https://example.org/p.png) [![in](https://example.org/i.png)](https://example.org)\n",
    "[late], [foo] and ![late][foo]\n",
    "[late]: https://example.org/late 'title'\n[foo]: https://example.org/foo\n",
    "~~~~\n~~~\n\t~~~~\n   ~~~~~ \nnext\n",
    "One[^1] and [^two] and[^1].\n\n[^1]: The *first*\n  of them\n[^two]: Another [^1]\n",
    "<details>\n<summary>More *here*</summary>\n\n- in `it`\n\n<details>\nx\n</details>\n</details>\n",
    "- <details><summary>s</summary>\n  > in a list\n\n  ```\n  </details>\n  ```\n",
    "Word\u00a0word\u2028word\x0bword\x0cword\0word\n",
]
GLUES = ["", "\n", "\n\n", "\r\n", "\r\n\r\n", "\r"]


@cache
def examples() -> list[tuple[str, str]]:
    """Returns markdown and HTML of every example in the specification."""
    found = EXAMPLE.findall(SPEC.read_text("utf-8").replace("→", "\t"))
    assert len(found) == 652
    return found


def texts(max_size: int = 12) -> st.SearchStrategy[str]:
    """Joins examples at random; half of them link to an allowed URL, so that link definitions have an effect."""
    sources = [source for source, _ in examples()]
    allowed = [re.sub(r"(?<=[(:\s<])/(ur[il])", r"https://example.org/\1", source) for source in sources]
    parts = st.lists(st.sampled_from(sources + allowed + OURS * 10), min_size=1, max_size=max_size)
    line_ends = st.sampled_from(["\n", "\n", "\r\n", "\r"])
    joined = st.builds(lambda parts, glue: glue.join(parts), parts, st.sampled_from(GLUES))
    return st.builds(lambda text, end: text.replace("\n", end), joined, line_ends)


sizes = st.lists(st.sampled_from([1, 3, 10, 50, 400]), min_size=1, max_size=40)


def cut(text: str, sizes: list[int]) -> list[str]:
    """Cuts the text into pieces of these sizes, which repeat."""
    pieces, at = [], 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    return pieces


class Page:
    """The HTML that a browser holds after the changes."""

    def __init__(self) -> None:
        self.sealed = self.tail = ""

    @property
    def html(self) -> str:
        return self.sealed + self.tail

    def apply(self, changes: list[HtmlChange]) -> None:
        for change in changes:
            match change.kind:
                case "seal":
                    self.sealed += change.html
                case "tail":
                    self.tail = change.html
                case "append":
                    assert self.tail.count(CURSOR) == 1
                    self.tail = self.tail.replace(CURSOR, change.html + CURSOR)
