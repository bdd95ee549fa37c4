"""The Jinja environment, and the cache of compiled templates: first requests after a restart compete with running answers."""

import re
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Flask
from flask.sansio.app import App
from flask.templating import Environment
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup

from webapp.base import languages
from webapp.web.translation import CurrentHtml, CurrentTexts, Translated, counted

INDENT = re.compile(r"\s*\n\s*")
# The folders of what nearly every first page is made of.
FIRST = ("layouts/", "ui/", "workspace/home/", "workspace/page/")


class WithoutIndents(Extension):
    """Leaves the indents of templates out of pages, when a template is compiled: a twentieth of their bytes."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        is_page = (stream.name or "").endswith(".html")
        for token in stream:
            yield Token(token.lineno, "data", INDENT.sub("\n", token.value)) if is_page and token.type == "data" else token


class Templates(Environment):
    """An environment without Jinja's chain of dictionaries per template, whose lookups take a tenth of a page's time."""

    def __init__(self, app: App, **options: Any) -> None:
        # Caches all templates, as their number is fixed: an LRU cache costs more in bookkeeping than it saves in memory.
        super().__init__(app, **options, cache_size=-1)
        for extension in (WithoutIndents, Translated, "jinja2.ext.i18n"):
            self.add_extension(extension)
        # Of Jinja's own extension, for `trans` blocks.
        self.install_gettext_callables(languages.gettext, languages.ngettext, newstyle=True)  # type: ignore[attr-defined]
        # In place of Jinja's own, which puts the values into a text after `languages.ngettext` has.
        self.globals["ngettext"] = counted
        self.globals |= {"translated": CurrentTexts(), "translated_html": CurrentHtml(), "language": languages.current}
        self.globals["drawn_once"] = self._drawn_once
        self._drawn = dict[tuple[str, str], Markup]()
        self.policies["ext.i18n.trimmed"] = True
        self.policies["json.dumps_kwargs"] = {"separators": (",", ":")}

    def _drawn_once(self, name: str) -> Markup:
        """Returns what a template draws that is the same on all pages of a language: drawn for the first of them.

        What an imported template sets would be in the language of the first page for all.
        """
        key = name, languages.current().code
        if key not in self._drawn:
            self._drawn[key] = Markup(self.get_template(name).render())
        return self._drawn[key]

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals


class BytecodeCache(FileSystemBytecodeCache):
    """A bytecode cache that ignores write errors, such as a full disk; the next process compiles the template again."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


def use_cache(app: Flask, data_dir: Path) -> None:
    """Enables the cache that `compile_all` filled; without it, each template is compiled on first use."""
    if _folder(data_dir).is_dir():
        app.jinja_env.bytecode_cache = BytecodeCache(str(_folder(data_dir)))


def compile_all(app: Flask, data_dir: Path) -> None:
    """Compiles every template that has changed since the cache was written."""
    _folder(data_dir).mkdir(mode=0o700, exist_ok=True)
    use_cache(app, data_dir)
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def load_first(app: Flask) -> None:
    """Loads the templates of first pages, as far as they are compiled, while there is no answer yet that this could hold up."""
    if app.jinja_env.bytecode_cache:
        for name in app.jinja_env.list_templates(filter_func=lambda name: name.startswith(FIRST)):
            app.jinja_env.get_template(name)


def _folder(data_dir: Path) -> Path:
    return data_dir / "compiled"
