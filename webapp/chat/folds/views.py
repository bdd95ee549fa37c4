"""The folds of a chat on a page of their own: each beside its messages, edited, unfolded, or made now."""

from flask import Blueprint, Response, url_for
from wtforms import TextAreaField

from webapp.base.languages import gettext as _
from webapp.chat.folds import service
from webapp.chat.folds.listing import folds_on, original
from webapp.chat.prompt.path_folds import MOST_CHARS, is_foldable, limit_of
from webapp.chat.record.access import right_in, visible_chat, writable_chat
from webapp.chat.record.tables import Chat
from webapp.models.connections.models import the_models
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.forms import Form
from webapp.web.htmx import redirect

bp = Blueprint("folds", __name__)


class FoldForm(Form):
    text = TextAreaField("What models get instead", default="", render_kw={"rows": 6, "maxlength": MOST_CHARS, "dir": "auto"})


class FoldNowForm(Form):
    pass


@bp.get("/chats/<id>/folds")
@signed_in
def index(id: str) -> Response:
    return _page(visible_chat(id))


@bp.post("/chats/<id>/folds")
@signed_in
def fold_now(id: str) -> Response:
    form = FoldNowForm.opened()
    with form.attempt():
        service.fold_now(writable_chat(id), by=current_user().id)
        return redirect(url_for(".index", id=id), _("Folded."))
    return _page(writable_chat(id), now=form)


@bp.post("/chats/<id>/folds/<fold>")
@signed_in
def update(id: str, fold: str) -> Response:
    form = FoldForm.opened()
    with form.attempt():
        service.edit(writable_chat(id), fold, form.text.data or "")
        return redirect(url_for(".index", id=id), _("Saved."))
    return _page(writable_chat(id), changed=(fold, form))


@bp.post("/chats/<id>/folds/<fold>/unfold")
@signed_in
def unfold(id: str, fold: str) -> Response:
    service.unfold(writable_chat(id), fold)
    return redirect(url_for(".index", id=id), _("Unfolded. Models get these messages again, as far as there is room."))


def _page(chat: Chat, now: FoldNowForm | None = None, changed: tuple[str, FoldForm] | None = None) -> Response:
    changed_id, changed_form = changed or ("", None)
    listed, may_change = folds_on(chat, chat.head_id, current_user()), right_in(chat, current_user()) in ("own", "write")
    forms = {
        fold.id: changed_form if changed_form and fold.id == changed_id else FoldForm.fresh(text=fold.text)
        for fold in listed
        if fold.messages and may_change
    }
    originals = {fold.id: original(chat, fold) for fold in listed if fold.messages}
    form = changed_form or now or FoldNowForm.fresh()
    return form.shown(
        "chat/folds/folds.html",
        chat=chat,
        folds=listed,
        forms=forms,
        originals=originals,
        models=the_models(),
        is_foldable=is_foldable(chat, limit_of(chat)),
        may_change=may_change,
    )
