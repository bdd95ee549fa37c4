"""Pages to edit a lorebook and its entries, of a person or of a character."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask import Response, abort, request

from webapp.base.errors import Conflict
from webapp.base.heavy.turns import by_turns
from webapp.base.untrusted_json import JsonObject
from webapp.characters.lore.editing import entries_of, with_entry, without_entry
from webapp.characters.lore.entries import LoreEntry, book_of
from webapp.characters.lore.forms import EntryForm
from webapp.web.htmx import redirect
from webapp.web.merging_form import mark_of

Book = JsonObject
MOST_WORDS = 200
DONE = {
    "saved": "Saved.",
    "deleted": "The entry was deleted.",
    "restored": "Restored.",
    "imported": "Imported. To use it in a chat, choose it in the chat's settings, under Lorebooks.",
    "copied": "This is your own copy. Change it as you like.",
}


@dataclass(frozen=True)
class LorebookEditor:
    """A lorebook being edited: the URL of its pages, the link to the page above, and the function that saves changes."""

    name: str
    path: str
    above: tuple[str, str]
    book: Book
    save: Callable[[Callable[[Book], Book]], None]
    may_change: bool = True

    @property
    def words(self) -> str:
        """The search query, which is kept on the way to an entry and back."""
        return request.args.get("q", "")[:MOST_WORDS].strip()

    @property
    def query(self) -> str:
        return f"?{urlencode({'q': self.words})}" if self.words else ""

    @cached_property
    def entries(self) -> Sequence[LoreEntry]:
        """The entries that contain all words of the query, in title, keys or content."""
        words = self.words.casefold().split()
        return [entry for entry in by_turns(book_of(self.book, id="").entries) if not words or _has(entry, words)]

    def back(self, done: str, place: int | None = None) -> Response:
        """Redirects to the list with its search query, at the entry that was edited."""
        query = urlencode({"done": done, **({"q": self.words} if self.words else {})})
        return redirect(f"{self.path}?{query}" + ("" if place is None else f"#entry-{place}"))

    def entry(self, place: int) -> Mapping[str, Any]:
        entries = entries_of(self.book)
        if not 0 <= place < len(entries) or not isinstance(entries[place], dict):
            abort(404)
        source_entry: Mapping[str, Any] = entries[place]
        return source_entry


def blank(editor: LorebookEditor) -> Response:
    return _page(editor, EntryForm.fresh(), None)


def show(editor: LorebookEditor, place: int) -> Response:
    entry = editor.entry(place)
    return _page(editor, EntryForm.of(entry, mark_of(entry)), place)


def put(editor: LorebookEditor, place: int | None) -> Response:
    """Saves the submitted form as an entry, or as a new one."""
    form = EntryForm.opened()
    with form.attempt():
        entered = form.entered
        editor.save(lambda book: with_entry(_same(book, place, form.was.data or ""), place, entered))
        return editor.back("saved", place)
    return _page(editor, form, place)


def remove(editor: LorebookEditor, place: int) -> Response:
    form = EntryForm.opened()
    with form.attempt():
        editor.save(lambda book: without_entry(_same(book, place, form.was.data or ""), place))
        return editor.back("deleted")
    return _page(editor, form, place)


def _has(entry: LoreEntry, words: Sequence[str]) -> bool:
    text = "\n".join((entry.title, *entry.keys.first, *entry.keys.others, entry.content)).casefold()
    return all(word in text for word in words)


def _page(editor: LorebookEditor, form: EntryForm, place: int | None) -> Response:
    return form.offer().shown("characters/lore/entry.html", editor=editor, place=place)


def _same(book: Book, place: int | None, was: str) -> Book:
    """Returns the book; raises Conflict if the entry at this index is no longer the one that the page showed."""
    entries = entries_of(book)
    if place is not None and (place >= len(entries) or mark_of(entries[place]) != was):
        raise Conflict("This entry was changed elsewhere. Open it again.")
    return book
