"""The catalogues of the languages: `extract` brings `languages/*.po` up to date with templates, code and scripts.

A new language: `python -m scripts.languages begin fr Français`.
"""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes
from jinja2.ext import babel_extract

from webapp.web.assets import SCRIPT_TEXT
from webapp.web.translation import is_translated, texts_of

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "languages"
CALLS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2)}
Message = tuple[str, int, str | tuple[str, ...], list[str]]


def messages() -> Iterator[Message]:
    """Yields each text with the file and the line of where it is, and the notes for translators."""
    for file in sorted((ROOT / "templates").rglob("*.html")):
        name = str(file.relative_to(ROOT / "templates"))
        if is_translated(name):
            yield from _of_template(file, name)
    for file in sorted((ROOT / "webapp").rglob("*.py")):
        yield from _called(extract_python(BytesIO(file.read_bytes()), CALLS, ["Translators:"], {}), file)
    for file in sorted((ROOT / "static" / "js").rglob("*.js")):
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            yield from ((_name(file), number, ast.literal_eval(match[1]), []) for match in SCRIPT_TEXT.finditer(line))


def catalog() -> Catalog:
    """Returns a catalogue of all texts, without translations."""
    whole = Catalog(project="Millrace", charset="utf-8")
    for file, line, words, notes in messages():
        whole.add(words, locations=[(file, line)], auto_comments=notes)
    return whole


def extract() -> None:
    """Adds new texts to each language, and takes out those that are no longer used."""
    whole = catalog()
    for file in FOLDER.glob("*.po"):
        known = _read(file)
        known.update(whole, no_fuzzy_matching=True, update_creation_date=False)
        known.obsolete.clear()
        _write(known, file)


def begin(code: str, name: str) -> None:
    """Makes the catalogue of a new language, in which nothing is translated."""
    _write(Catalog(locale=code.replace("-", "_"), project="Millrace", charset="utf-8", language_team=name), FOLDER / f"{code}.po")
    extract()


def _of_template(file: Path, name: str) -> Iterator[Message]:
    source = file.read_text("utf-8")
    for text in texts_of(iter(Environment().lexer.tokenize(source, name))):
        yield _name(file), text.line, text.words, []
    # What the filter `plural` makes of a noun.
    for node in Environment(extensions=["jinja2.ext.i18n"]).parse(source).find_all(nodes.Filter):
        if node.name == "plural" and isinstance(node.args[0], nodes.Const):
            noun = node.args[0].value
            yield _name(file), node.lineno, (f"%(num)s {noun}", f"%(num)s {noun}s"), []
    options = {"extensions": "jinja2.ext.i18n", "newstyle_gettext": "true", "trimmed": "true", "silent": "false"}
    yield from _called(babel_extract(BytesIO(source.encode()), tuple(CALLS), ["Translators:"], options), file)


def _called(found: Iterable[tuple[Any, ...]], file: Path) -> Iterator[Message]:
    for line, function, words, notes, *_ in found:
        if function == "ngettext" and isinstance(words, tuple):
            yield _name(file), line, (str(words[0]), str(words[1])), notes
        elif text := words[0] if isinstance(words, tuple) else words:
            yield _name(file), line, str(text), notes


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _read(file: Path) -> Catalog:
    with file.open("rb") as source:
        return read_po(source, locale=file.stem.replace("-", "_"))


def _write(known: Catalog, file: Path) -> None:
    with file.open("wb") as target:
        write_po(target, known, width=120, sort_by_file=True, ignore_obsolete=True, include_lineno=False)


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {"extract": extract, "begin": begin}
    commands[sys.argv[1]](*sys.argv[2:])
