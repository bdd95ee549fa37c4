"""Texts beside chats as pages and programs show them."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from flask import url_for
from markupsafe import Markup

from webapp.base.db import db
from webapp.base.errors import NotFound
from webapp.base.languages import gettext
from webapp.base.words import size
from webapp.chat.files.tables import BY_CALL, BY_CHANGE, BY_HAND, BY_MESSAGE
from webapp.chat.messages import renderings
from webapp.engine.tables import Generation
from webapp.knowledge import formats
from webapp.people.accounts.tables import User
from webapp.rendering.difference import DiffLine, difference
from webapp.rendering.previews import PreviewSource, own_title
from webapp.workspace.page.answer_shown import model_name, receipt
from webapp.workspace.previews import shown as previews_shown, versions_shown
from webapp.workspace.previews.shown import DRAWN, SOURCE, ArtifactHead, ArtifactView, Shown
from webapp.workspace.texts import changing, export_pages, queries
from webapp.workspace.texts.queries import TextVersion
from webapp.workspace.texts.tables import READY, RUNNING

EDIT = "edit"
WRITERS = ("own", "write")
FORMATS = {"md": "Markdown", "docx": "Word", "pdf": "PDF", "html": "Web page", "file": "As it is"}


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text in one of its views by name: as HTML, or as the preview that all of it is."""

    view: str
    views: dict[str, str]
    html: Markup
    preview: Shown | None = None


@dataclass(frozen=True, slots=True)
class ShownVersion:
    number: int
    how: str
    by: str
    at: datetime
    size: str


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change of a part; `lines` compare the part as it was with the new one, as far as there is one."""

    wish: str
    is_running: bool
    is_ready: bool
    note: str
    by: str
    at: datetime
    lines: tuple[DiffLine, ...] = ()
    receipt: str = ""


def preview_source(text: TextVersion, number: int) -> PreviewSource:
    """Returns what has this number in a text; a text that is a page, an image, a diagram or a table has just itself."""
    if entry := whole(text):
        return entry
    markdown = export_pages.markdown_of(text.name, text.text())
    return versions_shown.in_text(f"{text.text_id}.{text.number}", markdown, number)


def whole(text: TextVersion) -> PreviewSource | None:
    """Returns the preview that all of a text is; None for most texts."""
    entry = versions_shown.in_file(text.file)
    return entry if entry.kind else None


def views_of(text: TextVersion) -> dict[str, str]:
    """Returns the names of the views of a text besides that in which it is edited."""
    if entry := whole(text):
        return previews_shown.views_of(entry)
    drawn = {} if formats.kind_of(text.name) == "code" else {DRAWN: gettext("Preview")}
    return drawn | {SOURCE: gettext("Source")}


def read(text: TextVersion, view: str) -> ShownText:
    """Returns a text in a view or, if it hasn't that one, in its first."""
    ending, content = formats.ending(text.name), text.text()
    if entry := whole(text):
        preview = previews_shown.preview(entry, view)
        return ShownText(preview.view, preview.views, Markup(), preview)
    views = views_of(text)
    chosen = view if view in views else next(iter(views))
    if chosen == SOURCE:
        return ShownText(chosen, views, previews_shown.fenced(content, formats.CODE.get(ending, "markdown")))
    # Each block that a message would draw has a page of this version.
    html = renderings.in_our_words(export_pages.html_of(text.name, content, text.text_id))
    own = url_for("text_previews.show", id=text.text_id, version=text.number)
    return ShownText(chosen, views, Markup(str(html).replace(f"/messages/{text.text_id}/preview?", f"{own}&amp;")))


def head(text: TextVersion, now: TextVersion, view: str, *, right: str, reader: User) -> ArtifactHead:
    """Returns the head of a version of a text, of which `now` is the newest; only that one is edited."""
    id, number, views = text.text_id, text.number, views_of(text)
    is_now = number == now.number
    listed = [
        ArtifactView(words, url_for("texts.show", id=id, version=None if is_now else number, view=key), key == view)
        for key, words in views.items()
    ]
    if right in WRITERS and is_now:
        listed.append(ArtifactView(gettext("Edit"), url_for("texts.edit", id=id), view == EDIT))
    numbers = queries.numbers_of(id, reader.id)
    beside = {"earlier": [one for one in numbers if one < number][-1:], "later": [one for one in numbers if one > number][:1]}
    urls = {
        step: url_for("texts.show", id=id, version=one, view=view if view in views else None)
        for step, neighbours in beside.items()
        for one in neighbours
    }
    # Code and drawings are no documents.
    is_document = formats.kind_of(text.name) in ("markdown", "text")
    kinds = FORMATS if is_document else {export_pages.FILE: FORMATS[export_pages.FILE]}
    files = [(gettext(words), url_for("texts.export", id=id, format=key)) for key, words in kinds.items()]
    publish_url = url_for("texts.publish", id=id, version=number) if right == "own" and whole(text) else ""
    steps: dict[str, str | int] = {"number": number, "count": now.number, **urls}
    return ArtifactHead(name(now), listed, steps, files, publish_url, origin(text))


def name(text: TextVersion) -> str:
    """Returns the title that all of a text has in its source, or else the name of its file."""
    entry = whole(text)
    return (own_title(entry) if entry else "") or formats.stem(text.name)


def origin(text: TextVersion) -> str:
    """Says who made a version."""
    if text.made_by != BY_HAND:
        return gettext("Made by the model.")
    return gettext("Edited by %(name)s.", name=text.by) if text.by else gettext("Edited.")


def head_of_part(message_id: str, number: int, entry: PreviewSource) -> ArtifactHead:
    """Returns the head of the editor of a part of a message that isn't a text yet."""
    views = previews_shown.views_of(entry) if entry.kind else {}
    address = partial(url_for, "previews.show", id=message_id, block=number)
    listed = [ArtifactView(words, address(view=key)) for key, words in views.items()]
    edit = ArtifactView(gettext("Edit"), url_for("texts.edit_part", id=message_id, block=number), is_shown=True)
    return ArtifactHead(previews_shown.title(entry), [*listed, edit], {"count": 1})


def version(row: TextVersion) -> ShownVersion:
    how = {
        BY_CALL: gettext("Written by the model"),
        BY_MESSAGE: gettext("Opened from a message"),
        BY_CHANGE: gettext("Changed by the model"),
    }
    return ShownVersion(row.number, how.get(row.made_by) or gettext("Edited"), row.by, row.at, size(row.file.bytes))


def change(text_id: str, reader: User) -> ShownChange | None:
    """Returns the open change of a text, if there is one."""
    row = queries.change_of(text_id)
    if not row:
        return None
    lines, note = list[DiffLine](), row.note
    try:
        if row.written.strip():
            lines = difference(changing.old_part(row, reader), changing.new_part(row, reader))
    except NotFound as gone:
        note = gone.message
    generation = db.session.get(Generation, row.generation_id) if row.generation_id else None
    asker = db.session.get(User, row.by_id) if row.by_id else None
    is_over = generation and not generation.is_active
    return ShownChange(
        row.wish,
        row.state == RUNNING,
        row.state == READY,
        note,
        (asker.name or asker.email) if asker else "",
        row.created_at,
        tuple(lines),
        receipt([generation], model_name(generation)) if generation and is_over else "",
    )
