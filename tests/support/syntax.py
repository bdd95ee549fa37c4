"""An HTML parser's errors for a page, with a cache of the tags and texts that it has already accepted in the same context.

Where all tags are properly nested, a parser's verdict on a tag or a text depends only on the tags around it. The parts of a test
run tell each other what they have found.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

import html5lib

# No character and no character reference that a parser could reject, and none that ends a text or a value.
SIGNS = r"[\t\n -!#-%'-;?-~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd]++|&(?:amp|lt|gt|quot|#34|#39);"
PLAIN = rf"(?:{SIGNS})*+"
WORDS = re.compile(rf"(?<=>)(?=[^<]*?[^\s<]){PLAIN}(?=<)")
VALUE = re.compile(rf"""(\s[^\s"'<>/=]++=")(?:{SIGNS}|=)*+(?=")""")
TAG = r"""<(?P<end>/?)(?P<name>[a-z][a-z0-9-]*+)(?:\s++[^\s"'<>/=]++(?:="[^"]*+"|='[^']*+')?+)*+\s*+(?P<solidus>/?)>"""
TOKEN = re.compile(rf"{TAG}|[^<]++|<!doctype html>")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
PAGE, FRAGMENT = "#page", "#fragment"

# Ends each place in the file of the run.
END = "\x1f"

_good: set[str] = set()


def syntax_errors(html: str, is_page: bool) -> Iterator[str]:
    """Yields a description of each error, with its line."""
    places = places_of(html, PAGE if is_page else FRAGMENT)
    if places is not None and (places <= _good or places <= _good_in_run()):
        return
    errors = list(_errors(html, is_page))
    if places and not errors:
        _tell(places - _good)
        _good.update(places)
    yield from errors


@cache
def _file_of_run() -> int | None:
    path = Path(os.environ["PREPARED"]) / "places" if "PREPARED" in os.environ else None
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND) if path else None


def _good_in_run() -> set[str]:
    """Returns what has been accepted here or in another part of the run."""
    if (file := _file_of_run()) is not None:
        told = os.read(file, os.fstat(file).st_size)
        whole = told.rpartition(END.encode())[0]
        # What another is still writing is read the next time.
        os.lseek(file, len(whole) + bool(whole) - len(told), os.SEEK_CUR)
        _good.update(whole.decode("utf-8", "surrogatepass").split(END))
    return _good


def _tell(places: set[str]) -> None:
    if (file := _file_of_run()) is not None:
        at = os.lseek(file, 0, os.SEEK_CUR)
        os.write(file, "".join(f"{place}{END}" for place in places if END not in place).encode("utf-8", "surrogatepass"))
        os.lseek(file, at, os.SEEK_SET)


def places_of(html: str, root: str) -> set[str] | None:
    """Returns every tag and text with its enclosing tags, or None where tags are not properly nested."""
    plain = VALUE.sub(r"\1", WORDS.sub("words", html))
    places, around, at, outermost = set[str](), [root], 0, count()
    for token in TOKEN.finditer(plain):
        if token.start() != at:
            return None
        at, name = token.end(), token["name"]
        # A page has exactly one head and one body, and nothing next to them: the number makes a second one a different place.
        number = next(outermost) if len(around) < 3 and root == PAGE else ""
        text = token[0].strip(" \n") or " "
        places.add(f"{around[-1]}{text}{number}")
        if token["end"]:
            if around.pop().rpartition(">")[2] != name:
                return None
        elif name and name not in VOID and not token["solidus"]:
            around.append(f"{around[-1]}>{name}")
    return places if at == len(plain) and around == [root] else None


def _errors(html: str, is_page: bool) -> Iterator[str]:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    parser.parse(html) if is_page else parser.parseFragment(html)
    for (line, _column), code, details in parser.errors:
        yield f"line {line}: {code} {details or ''}: {html.splitlines()[line - 1].strip()[:120] if html else ''}"
