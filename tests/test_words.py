"""Texts for users and comments for engineers contain none of the unidiomatic phrases listed below."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from webapp.base.config import ROOT

# Whole words, in any case. The comment after each is the better wording.
FORBIDDEN = (
    r"stands? here",  # is here
    r"(?:will|would) stand",  # will appear
    r"nobody in particular",  # None
    r"for who(?= )",  # for anyone who
    r"in this very moment",  # just now
    r"with one tick|with no tick|those ticked|untick",  # selected
    r"goes? on(?!\])|going on|went on",  # continues; with a bracket it is the wire of a fold's line
    r"(?:some|every|any)body",  # someone, everyone, anyone
    r"may do everything",  # full control
    r"for good",  # permanently
    r"the dearest",  # most expensive
    r"put away",  # disable or remove
    r"(?:runs?|ran) out",  # expires
    r"stands? (?:still|beside|apart|before|behind)",  # is stuck, is kept
    r"anew",  # again
    r"meanwhile will",  # new text will
    r"broke off|broken off|breaks off",  # was lost, was interrupted
    r"not (?:there )?any ?more",  # no longer exists
    r"as the system has it",  # System
    r"take (?:it|them) along|bring (?:it|them) in|take out of the archive",  # export, import, unarchive
    r"the way back",  # rollback
    r"(?:switch|switched|switches) (?:on|off)",  # turn on, turn off
    r"in lumps",  # in bursts
    r"may be chosen",  # available
    r"make the (?:character|token|group|persona)",  # create
    r"of the house|house's",  # the server's default
    r"with whom",  # share with, access
    r"counterpart",  # character
    r"everybody's",  # everyone's
    r"asks us to slow down",  # is rate limiting
    r"nobody has tried",  # not tested yet
    r"dialect \d",  # name the compatibility API
    r"stands? with",  # has
    r"how everything stands",  # the health of everything
    r"is asked for",  # prompts for, is requested
    r"who asks amid",  # a request among
    r"make a copy to|copy to get your own",  # duplicate
    r"can't be brought back",  # can't be undone
    r"(?:n't|not) (?:\w+ )?any more",  # no longer
    r"an administrator",  # an admin
    r"(?:count|counts|counted) towards",  # toward: American spelling, as everywhere
    r"sanitis\w+|recognis\w+|summaris\w+|organis\w+|behaviours?|e-mails?",  # -ize, behavior, email
)
PATTERN = re.compile(rf"\b(?:{'|'.join(FORBIDDEN)})\b", re.IGNORECASE)
# Fictional texts of characters and scenes, and search keywords that users can type.
LITERARY = {
    "webapp/operations/starting/shipped_characters.py",
    "webapp/web/navigation.py",
    "bench/load.py",
    "webapp/operations/starting/seed.py",
}
# Texts for engineers only.
ENGINEERS = {"docs/architecture.md", "docs/performance.md"}
JINJA = re.compile(r"\{#.*?#\}|(?<=[ (])everybody(?=\.)", re.DOTALL)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
SCRIPT_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`')


def in_python(source: str) -> Iterator[tuple[int, str]]:
    """Yields every string that is no docstring, except commands' help; an f-string is read as one string."""
    nodes = list(ast.walk(ast.parse(source)))
    yield from helps(nodes)
    silent = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in node.values}
            yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent and " " in node.value:
            yield node.lineno, node.value


def helps(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yields the texts that commands print with `--help`."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and any("command(" in ast.unparse(decorator) for decorator in node.decorator_list):
            yield node.lineno, ast.get_docstring(node) or ""


def in_text(source: str, left_out: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Yields the text without comments or code, in one piece: a sentence can span several lines."""
    yield 1, left_out.sub(lambda found: "\n" * found[0].count("\n"), source)


def in_script(source: str) -> Iterator[tuple[int, str]]:
    for found in SCRIPT_TEXT.finditer(source):
        yield source.count("\n", 0, found.start()) + 1, found[0]


def texts(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text("utf-8")
    if path.suffix == ".py":
        return in_python(source)
    if path.suffix == ".js":
        return in_script(source)
    return in_text(source, JINJA if path.suffix == ".html" else CODE)


def faults(path: Path) -> Iterator[str]:
    """Yields each match as `file:line: the phrase, with its context`."""
    for line, text in texts(path):
        for found in PATTERN.finditer(text):
            around = " ".join(text[max(0, found.start() - 50) : found.end() + 50].split())
            yield f"{path.relative_to(ROOT)}:{line + text.count(chr(10), 0, found.start())}: {found[0]!r} in “{around}”"


def files(pattern: str, *, but: set[str]) -> list[Path]:
    return [path for path in sorted(ROOT.glob(pattern)) if path.relative_to(ROOT).as_posix() not in but]


# In docstrings and comments: subject, verb, technical term.
IN_CODE = re.compile(
    r"\b(?:(?:some|any|every|no)body|who(?:m)?ever|for who(?= )|of whom|lest|anew|(?:goes?|going|went) on|by and by"
    r"|in this very moment|what stands|stands? (?:there|in it|beside|behind|before)|put away|of the house)\b",
    re.IGNORECASE,
)
COMMENT = re.compile(r"^ *// .*|/\*.*?\*/|\{#.*?#\}", re.MULTILINE | re.DOTALL)


def for_engineers(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings and comments, with their lines."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        yield from ((source.count("\n", 0, found.start()) + 1, found[0]) for found in COMMENT.finditer(source))
        return
    if not IN_CODE.search(source):
        # Reading all tokens takes a hundred times as long as looking whether there is anything to find.
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "pattern",
    [
        "webapp/**/*.py",
        "bench/**/*.py",
        "static/js/*.js",
        "static/css/*.css",
        "templates/**/*.html",
        "*.py",
        "tests/**/*.py",
        "scripts/*.py",
    ],
)
def test_docstrings_and_comments_are_plain_english(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {phrase[0]!r}"
        for path in files(pattern, but=set())
        for line, text in for_engineers(path)
        for phrase in IN_CODE.finditer(text)
    ]
    assert not found, "Say it with a subject, a verb and the technical term:\n" + "\n".join(found)


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "pattern", ["templates/**/*.html", "webapp/**/*.py", "static/js/*.js", "docs/*.md", "docs/dialects/*.md", "README.md"]
)
def test_everything_that_is_read_is_plain_english(pattern: str) -> None:
    found = [fault for path in files(pattern, but=LITERARY | ENGINEERS) for fault in faults(path)]
    assert not found, "Say it as a native speaker would (the better words are beside the list):\n" + "\n".join(found)


def test_no_link_sticks_to_the_next_word() -> None:
    stuck = re.compile(r"\w+</(?:a|em|strong|code)>[a-z]\w+")
    pages = {path.name: stuck.findall(path.read_text("utf-8")) for path in files("templates/**/*.html", but=set())}
    assert {name: found for name, found in pages.items() if found} == {}


@pytest.mark.parametrize("words", ["Your chats will stand here.", "It runs out soon.", "For who forgets", "Deleted for good."])
def test_the_list_knows_the_pattern(words: str) -> None:
    assert PATTERN.search(words)
