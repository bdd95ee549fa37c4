"""What a translator wouldn't see: sentences of templates that are glued of pieces, and strings without a mark, also of scripts.

python -m tests.support.unmarked templates/chat
"""

import re
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from jinja2 import Environment, nodes
from jinja2.lexer import Token

from webapp.web.assets import SCRIPT_TEXT
from webapp.web.translation import is_translated, texts_of

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
ENVIRONMENT = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"])
# Macros that draw something beside a text, which has no words of its own.
DRAWN = {"icon", "draw", "button", "alert_badge", "field", "badge"}
INLINE = "a|abbr|b|bdi|code|em|i|kbd|output|q|samp|small|span|strong|time|var"
# A sentence continues in such an element, or after it.
OPENS, CLOSES = re.compile(rf"<({INLINE})\b"), re.compile(rf"</({INLINE})>")
NO_TEXT = re.compile(r"^· Millrace$")
GOES_ON = re.compile(r"[a-z,.;:)]")
SAID = re.compile(r"^\W*[A-Z][a-z]|[a-z,.…]{2} [a-zA-Z]")
OF_PROGRAMS = re.compile(r"[/<={}\[]|--|__|^(hx|htmx|js)\b|\b(closest|delay:|needs-js|from:|go|num)\b")
# An attribute that people read, made of words and values; and the values in it.
VALUE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
READ = "aria-(?:label|description|valuetext|roledescription)|title|placeholder|alt|label|data-confirm"
ATTRIBUTE = re.compile(rf'(?<=\s)(?:{READ})="((?:[^"{{]|{VALUE.pattern})*)"', re.DOTALL)
SCRIPTS = TEMPLATES.parent / "static" / "js"
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')
# A string of a script that is shown begins like a sentence or a label, or continues after a value.
SHOWN = re.compile(r"^[A-Z][a-z]+(?:[ .,!?’']|$)|[a-z,.] [a-z]+[.…!?]$|\} [a-z]{2,}\b")
# Names of keys, events, types, headers and people's own files, selectors, and the directive.
OF_SCRIPTS = re.compile(
    r"[<=#\[\]/]|^use strict$|^(?:[A-Z][a-z]+-)+[A-Z]|^(?:Arrow|Page)|--|\.\w+$|^(?:kept|waiting) | then | page$"
)
KEYS = {"Accept", "Alt", "Android", "Backspace", "Control", "Ctrl", "Delete", "End", "Enter", "Escape", "Event", "Files", "Home"}
KEYS |= {"Meta", "Millrace", "Notification", "Shift", "Tab"}
# What a script tells itself.
ERRORS = re.compile(r"new \w*Error\([^()]*\)|^\s*//.*$", re.MULTILINE)
IS_MARKED = {"_", "gettext", "ngettext", "url_for"}


def faults(folder: Path = TEMPLATES) -> Iterator[str]:
    """Yields each fault of the templates in a folder, with its file and line."""
    for file in sorted(folder.rglob("*.html")) if folder.is_dir() else [folder]:
        name = str(file.resolve().relative_to(TEMPLATES))
        if is_translated(name):
            source = file.read_text("utf-8")
            yield from (f"{name}:{line}: glued: {words!r}" for line, words in _glued(source, name))
            yield from (f"{name}:{line}: glued: {words!r}" for line, words in _glued_attributes(source))
            yield from (f"{name}:{line}: no mark: {words!r}" for line, words in _without_mark(ENVIRONMENT.parse(source)))


def faults_of_scripts(folder: Path = SCRIPTS) -> Iterator[str]:
    """Yields each string of our scripts that looks like words for people and has no mark."""
    for file in sorted(folder.rglob("*.js")):
        rest = SCRIPT_TEXT.sub("", ERRORS.sub("", file.read_text("utf-8")))
        for match in LITERAL.finditer(rest):
            words = match[1] or match[2] or ""
            if SHOWN.search(words) and not OF_SCRIPTS.search(words) and words not in KEYS:
                yield f"{file.name}: no mark: {words!r}"


def _glued_attributes(source: str) -> Iterator[tuple[int, str]]:
    for attribute in ATTRIBUTE.finditer(source):
        words = VALUE.sub("", attribute[1])
        if words != attribute[1] and re.search(r"[^\W\d_]{2}", words):
            yield source.count("\n", 0, attribute.start()) + 1, attribute[1]


def _glued(source: str, name: str) -> Iterator[tuple[int, str]]:
    tokens = iter(list(ENVIRONMENT.lexer.tokenize(source, name)))
    for text in texts_of(_without_drawn(tokens)):
        if text.attribute or NO_TEXT.search(text.words):
            continue
        is_beside = text.before == "value" or text.after == "value" or OPENS.match(text.after) or CLOSES.match(text.before)
        if is_beside or (text.before in ("block_end", "block_begin") and GOES_ON.match(text.words)):
            yield text.line, text.words


def _without_drawn(tokens: Iterator[Token]) -> Iterator[Token]:
    """Yields the tokens with one for each expression: a tag for what is drawn, else a value."""
    for token in tokens:
        if token.type != "variable_begin":
            yield token
            continue
        inside = [token.value for token in takewhile(lambda token: token.type != "variable_end", tokens)]
        is_drawn = inside[0] in DRAWN and inside[1:2] == ["("]
        yield Token(token.lineno, "data", "<br>") if is_drawn else Token(token.lineno, "value", "")


def _without_mark(node: nodes.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, nodes.Const):
        if isinstance(node.value, str) and SAID.search(node.value) and not OF_PROGRAMS.search(node.value):
            yield node.lineno, node.value
    elif not _is_other(node):
        keys = [node.key] if isinstance(node, nodes.Pair) else [node.arg] if isinstance(node, nodes.Getitem) else []
        for child in node.iter_child_nodes():
            if child not in keys:
                yield from _without_mark(child)


def _is_other(node: nodes.Node) -> bool:
    """Returns whether the strings in a part of an expression are marked, or aren't shown."""
    if isinstance(node, nodes.Call):
        return isinstance(node.node, nodes.Name) and node.node.name in IS_MARKED
    if isinstance(node, nodes.Filter):
        return node.name == "plural"
    return isinstance(node, nodes.Compare | nodes.Test | nodes.Import | nodes.FromImport | nodes.Include | nodes.Extends)


if __name__ == "__main__":
    found = [fault for folder in sys.argv[1:] or [TEMPLATES] for fault in faults(Path(folder))]
    found += faults_of_scripts()
    print(*found, sep="\n")
    print(len(found))
