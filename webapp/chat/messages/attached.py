"""Text files at the end of a message: each is its name and a block between fences that its own text does not close."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape

from markupsafe import Markup

from webapp.errors import Invalid

MOST_BYTES, MOST_FILES, NAME_CHARS = 200 * 1024, 20, 120
NAMED = re.compile(r"[^\n`]*[^\n`.]\.\w+")
OPENED = re.compile(r"^(?P<name>[^\n`]*[^\n`.]\.(?P<kind>\w+))\n(?P<fence>`{3,})(?P=kind)$", re.MULTILINE)
# A block of code below a line that is a file's name, as our renderer writes them.
SHOWN = re.compile(
    r'<p[^>]*>(?P<name>[^<>\n]{1,200}\.(?P<kind>\w+))</p>\s*(?P<block><div class="code"><header><span>(?P=kind)</span>.*?</div>)',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class File:
    """A text with the name it came under; `block` is how both are written in a message."""

    name: str
    text: str
    block: str

    @property
    def size(self) -> str:
        return size_of(len(self.text.encode("utf-8", "replace")))


def size_of(count: int) -> str:
    """A number of bytes as people read it."""
    return f"{count} B" if count < 1000 else f"{round(count / 1000)} KB"


def file(name: str, text: str) -> File:
    """A text to be attached under a name; one without an ending is plain text."""
    name = re.sub(r"[\n\r`]+", " ", name).strip()[-NAME_CHARS:] or "text"
    name = name if NAMED.fullmatch(name) else f"{name}.txt"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return File(name, text.rstrip(), f"{name}\n{fence}{name.rpartition('.')[2]}\n{text.rstrip()}\n{fence}")


def uploaded(name: str, content: bytes) -> File:
    """A file as a browser sends it; raises `Invalid` for one that is no text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if len(content) > MOST_BYTES or "\0" in text:
        raise Invalid(f"{name[:NAME_CHARS]} isn't a text file, or is larger than 200 KB.", field="message")
    return file(name, text.replace("\r\n", "\n"))


def joined(typed: str, blocks: Sequence[str]) -> str:
    """The message: what was typed, then the files."""
    if len(blocks) > MOST_FILES:
        raise Invalid(f"Up to {MOST_FILES} files fit in one message.", field="message")
    return "\n\n".join(each for each in (typed.rstrip(), *blocks) if each) if blocks else typed


def parted(content: str) -> tuple[str, tuple[File, ...]]:
    """What was typed, and the files at the end: the other way round."""
    files, begin, at = list[File](), 0, 0
    if not content.rstrip().endswith("```"):
        return content, ()
    while opened := OPENED.search(content, at):
        if not files or content[at : opened.start()].strip():
            files, begin = [], opened.start()
        began = opened.end() + 1
        closed = re.compile(f"^{opened['fence']}$", re.MULTILINE).search(content, began)
        if not closed or len(files) == MOST_FILES:
            return content, ()
        text, at = content[began : max(began, closed.start() - 1)], closed.end()
        files.append(File(opened["name"], text, content[opened.start() : at]))
    return (content[:begin].rstrip(), tuple(files)) if files and not content[at:].strip() else (content, ())


def folded(markup: Markup) -> Markup:
    """A person's message with its files folded."""
    if '<div class="code">' not in markup:
        return markup
    return Markup(SHOWN.sub(_fold, markup))


def _fold(found: re.Match[str]) -> str:
    code = found["block"].partition("<code>")[2].rpartition("</code>")[0]
    count = len(unescape(re.sub("<[^>]*>", "", code)).rstrip("\n").encode("utf-8", "replace"))
    summary = f'<summary><span>{found["name"]}</span> <span class="file__size">{size_of(count)}</span></summary>'
    return f'<details class="file">{summary}{found["block"]}</details>'
