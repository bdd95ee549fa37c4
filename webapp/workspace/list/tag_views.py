"""/tags: the tags of a person, and the forms that give them to one or several chats."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, request, url_for
from wtforms import StringField

from webapp.base.languages import gettext as _
from webapp.chat.record import tags
from webapp.chat.record.access import visible_chat
from webapp.chat.record.tables import Chat, Tag
from webapp.chat.record.tags import TagInput
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.web.forms import Form, InputForm
from webapp.web.htmx import redirect, render
from webapp.workspace.list import bulk

bp = Blueprint("tags", __name__)
# How many of the person's other tags are offered as checkboxes, the most used first; typing completes all of them.
MOST_OFFERED = 20


class TagForm(InputForm[TagInput]):
    takes = TagInput
    name = StringField("Name")


class TagsForm(Form):
    new = StringField("New tags", description="Separate several with commas.", render_kw={"maxlength": 1_000})


@bp.get("/tags")
@signed_in
def index() -> Response:
    return render("workspace/list/tags.html", tags=tags.counted(current_user()))


@bp.get("/tags/<id>")
@signed_in
def edit(id: str) -> Response:
    tag = _own(id)
    return _tag_page(tag, TagForm.from_row(tag))


@bp.post("/tags/<id>")
@signed_in
def rename(id: str) -> Response:
    tag, form = _own(id), TagForm()
    with form.attempt():
        name = form.entered.name
        is_merged = tags.rename(tag, form.entered, by=current_user())
        return redirect(
            url_for(".index"),
            _("Both tags are “%(name)s” now.", name=name) if is_merged else _("Renamed to “%(name)s”.", name=name),
        )
    return _tag_page(_own(id), form)


@bp.post("/tags/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    tag = _own(id)
    name = tag.name
    tags.remove(tag)
    return redirect(url_for(".index"), _("“%(name)s” removed.", name=name))


@bp.get("/chats/<id>/tags")
@signed_in
def of_chat(id: str) -> Response:
    return _choice([visible_chat(id)], TagsForm.fresh())


@bp.post("/chats/<id>/tags")
@signed_in
def change(id: str) -> Response:
    chat, form = visible_chat(id), TagsForm()
    with form.attempt():
        _change([chat], form)
        return redirect(url_for(".of_chat", id=id), _("Saved."))
    return _choice([visible_chat(id)], form)


@bp.get("/chats/several/tags")
@signed_in
def of_several() -> Response:
    return _choice(_chosen(request.args.getlist("chat")), TagsForm.fresh(), is_bulk=True)


@bp.post("/chats/several/tags")
@signed_in
def change_several() -> Response:
    chats, form = _chosen(request.form.getlist("chat")), TagsForm()
    with form.attempt():
        are_archived = all(chat.archived_at for chat in chats)
        _change(chats, form)
        return redirect(url_for("list.index", show="archived" if are_archived else None), _("Tags saved."))
    return _choice(_chosen(request.form.getlist("chat")), form, is_bulk=True)


def _own(id: str) -> Tag:
    return found(tags.own_tag(current_user().id, id))


def _tag_page(tag: Tag, form: TagForm) -> Response:
    count = next((other.count for other in tags.counted(current_user()) if other.id == tag.id), 0)
    return form.shown("workspace/list/tag.html", tag=tag, count=count)


def _chosen(ids: Sequence[str]) -> list[Chat]:
    return found([chat for chat in bulk.chosen(current_user().id, ids) if not chat.deleted_at] or None)


def _change(chats: Sequence[Chat], form: TagsForm) -> None:
    """Gives the chats what was ticked or typed, and takes off what no longer is ticked: other pages may have added more."""
    had, ticked = request.form.getlist("had"), request.form.getlist("tag")
    gone = [name for name in had if name not in ticked] + request.form.getlist("off")
    add = [name for name in ticked if name not in had] + tags.typed(form.new.data or "")
    tags.change(chats, add=add, remove=gone, by=current_user())


def _choice(chats: Sequence[Chat], form: TagsForm, *, is_bulk: bool = False) -> Response:
    me = current_user()
    by_chat, used = tags.by_chat(me.id, (chat.id for chat in chats)), tags.counted(me)
    counts = Counter(name for names in by_chat.values() for name in names)
    on_all = [name for name in counts if counts[name] == len(chats)]
    others = sorted((tag for tag in used if tag.name not in on_all), key=lambda tag: (tag.name not in counts, -tag.count))
    context: dict[str, Any] = {
        "chats": chats,
        "had": on_all,
        "offered": [*on_all, *(tag.name for tag in others[:MOST_OFFERED])],
        "ticked": request.form.getlist("tag") if form.refusal else on_all,
        "partly": {name: count for name, count in counts.items() if name not in on_all},
        "names": [tag.name for tag in used],
        "save_url": url_for(".change_several") if is_bulk else url_for(".change", id=chats[0].id),
    }
    return form.shown("workspace/list/tags_of_chats.html", is_bulk=is_bulk, **context)
