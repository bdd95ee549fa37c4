"""Colours for closed code fences, as one-letter classes that a small palette covers. Pure.

| class | marks                                  | class | marks                                   |
|-------|----------------------------------------|-------|-----------------------------------------|
| `k`   | keywords, tags, word operators         | `b`   | built-ins, constants such as `None`     |
| `s`   | strings                                | `a`   | attributes, decorators, preprocessor    |
| `c`   | comments, prompts                      | `v`   | variables such as `$HOME`               |
| `n`   | numbers                                | `e`   | escapes, placeholders, regular expressions |
| `f`   | function names                         | `i`   | inserted lines of a diff                |
| `t`   | types, classes, headings               | `d`   | deleted lines of a diff                 |
| `o`   | operators                              |       |                                         |
"""

import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from html import escape
from importlib import import_module
from itertools import groupby
from typing import TYPE_CHECKING

from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String, _TokenType

from webapp.rendering import on_loop

if TYPE_CHECKING:
    from pygments.lexer import Lexer

PALETTE = frozenset("kscnftobaveid")
CLASSES: dict[_TokenType, str] = {
    Keyword: "k",
    Keyword.Constant: "b",
    Keyword.Type: "t",
    Name.Attribute: "a",
    Name.Builtin: "b",
    Name.Class: "t",
    Name.Constant: "b",
    Name.Decorator: "a",
    Name.Exception: "t",
    Name.Function: "f",
    Name.Tag: "k",
    Name.Variable: "v",
    String: "s",
    String.Escape: "e",
    String.Interpol: "e",
    String.Regex: "e",
    Number: "n",
    Comment: "c",
    Comment.Preproc: "a",
    Operator: "o",
    Operator.Word: "k",
    Generic.Deleted: "d",
    Generic.Heading: "t",
    Generic.Inserted: "i",
    Generic.Prompt: "c",
    Generic.Subheading: "t",
}
# Each lexer and its aliases. Lexers that take seconds on hostile text with lines of ordinary length are left out.
LANGUAGES = {
    "bash": "sh shell zsh",
    "c": "h",
    "cpp": "c++ cc hpp",
    "csharp": "c# cs",
    "css": "",
    "dart": "",
    "diff": "patch udiff",
    "docker": "dockerfile",
    "elixir": "ex exs",
    "go": "golang",
    "graphql": "gql",
    "haskell": "hs",
    "html": "htm",
    "ini": "cfg conf properties",
    "java": "",
    "javascript": "js jsx mjs cjs node",
    "json": "jsonc json5 geojson",
    "kotlin": "kt kts",
    "latex": "tex",
    "lua": "",
    "make": "makefile mk",
    "markdown": "md",
    "nginx": "",
    "php": "",
    "powershell": "ps1 pwsh",
    "python": "py py3 python3 pyi",
    "r": "",
    "ruby": "rb",
    "rust": "rs",
    "scala": "",
    "scss": "",
    "sql": "postgres postgresql mysql sqlite",
    "swift": "",
    "toml": "",
    "typescript": "ts tsx",
    "xml": "svg xhtml",
    "yaml": "yml",
}
ALIASES = {alias: name for name, aliases in LANGUAGES.items() for alias in (name, *aliases.split())}
OPTIONS: dict[str, dict[str, bool]] = {"php": {"startinline": True}, "markdown": {"handlecodeblocks": False}}
MAX_CHARS = 50_000
# Some lexers need seconds for a single match on a line of 50,000 characters.
MAX_LINE_CHARS = 1_000
# Callbacks, called once, when the first code is highlighted, in whichever thread does that.
at_first_code: list[Callable[[], object]] = []


class Highlighter:
    """Highlights the code of one text, each block once, and leaves the rest plain when its time is used up.

    Lexers are quadratic on some hostile inputs and block the process while they run, so CPU time is limited, for one block and
    for the whole text. `clock` returns the CPU seconds of this thread.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.thread_time, block_seconds: float = 0.1, text_seconds: float = 1.0
    ) -> None:
        self._clock, self._block_seconds, self._seconds_left = clock, block_seconds, text_seconds
        self._done: dict[tuple[str, str], str] = {}

    def markup(self, code: str, language: str) -> str:
        """Returns the code as HTML; plain when the language is unknown or the code is too long."""
        name = ALIASES.get(language.lower())
        if not name or len(code) > MAX_CHARS or any(len(line) > MAX_LINE_CHARS for line in code.split("\n")):
            return escape(code, quote=False)
        if (code, name) not in self._done:
            self._done[code, name] = self._coloured(code, _lexer(name))
        return self._done[code, name]

    def _coloured(self, code: str, lexer: "Lexer") -> str:
        while at_first_code:
            at_first_code.pop()()
        start = self._clock()
        words = list(self._words(code, lexer, start + min(self._block_seconds, self._seconds_left)))
        self._seconds_left -= self._clock() - start
        seen = "".join(word for _, word in words)
        # A lexer can normalise its input; then the code itself is shown.
        if not code.startswith(seen):
            return escape(code, quote=False)
        groups = groupby([*words, ("", code[len(seen) :])], key=lambda pair: pair[0])
        return "".join(_span(colour, "".join(word for _, word in group)) for colour, group in groups)

    def _words(self, code: str, lexer: "Lexer", deadline: float) -> Iterator[tuple[str, str]]:
        for kind, word in lexer.get_tokens(code):
            yield _colour(kind), word
            if self._clock() > deadline:
                return


def warm_up() -> None:
    """Prepares the one lexer that takes longer than other greenlets can wait, also in a thread."""
    on_loop.run(partial(import_module, "pygments.lexers.jvm"))
    _new_lexer("scala")


@cache
def _lexer(name: str) -> "Lexer":
    return on_loop.run(partial(_new_lexer, name))


def _new_lexer(name: str) -> "Lexer":
    # Imported late: the index of all lexers takes half a megabyte, which a server without code is spared.
    from pygments.lexers import get_lexer_by_name

    # Created on first use, which takes some hundredths of a second: all of them would take 10 MB.
    return get_lexer_by_name(name, stripnl=False, ensurenl=False, **OPTIONS.get(name, {}))


@cache
def _colour(kind: _TokenType) -> str:
    while kind not in CLASSES and kind.parent is not None:
        kind = kind.parent
    return CLASSES.get(kind, "")


def _span(colour: str, text: str) -> str:
    markup = escape(text, quote=False)
    return f'<span class="{colour}">{markup}</span>' if colour else markup
