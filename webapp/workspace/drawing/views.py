"""*Change this picture*: the form, in the panel or as a page."""

from typing import Any

from flask import Blueprint, Response, request, url_for
from wtforms import HiddenField, RadioField, StringField

from webapp.base.errors import Invalid
from webapp.base.ids import new_id
from webapp.chat.record.access import writable_message
from webapp.chat.record.tables import Message
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.web.forms import Form
from webapp.web.htmx import is_htmx, navigate, render
from webapp.workspace.drawing import changing
from webapp.workspace.page.pages import chat_page_url

bp = Blueprint("drawing", __name__)
MOST_WISH = 4_000
NO_PICTURE = "Choose the picture that is to be changed."
# A form of the panel fills the panel, and isn't another page.
IN_PANEL = {"hx-boost": "true", "hx-target": "#panel", "hx-swap": "innerMorph", "hx-push-url": "false"}


class ChangeForm(Form):
    """`key` identifies one sending, so that submitting it twice pays once."""

    picture = RadioField("Picture", choices=[], validate_choice=False)
    wish = StringField(
        "What should change?", render_kw={"maxlength": MOST_WISH, "required": True, "autocomplete": "off", "dir": "auto"}
    )
    key = HiddenField()


@bp.get("/messages/<id>/picture")
@signed_in
def change(id: str) -> Response:
    message = writable_message(id)
    return _page(message, ChangeForm.fresh(picture=request.args.get("picture", ""), key=new_id()))


@bp.post("/messages/<id>/picture")
@signed_in
def send(id: str) -> Response:
    message, form, me = writable_message(id), ChangeForm(), current_user()
    with form.attempt():
        if not form.picture.data:
            raise Invalid(NO_PICTURE, field="picture")
        picture = found(next((file for file in changing.pictures_of(message, me) if file.id == form.picture.data), None))
        changing.change(message, picture, form.wish.data or "", by=me, key=form.key.data or "")
        # The address must be unique: for one that differs in its fragment only, a browser scrolls and doesn't load the page.
        return navigate(url_for("chat.show", id=message.chat_id, at=new_id()[:10], _anchor="end"))
    return _page(writable_message(id), form)


def _page(message: Message, form: ChangeForm) -> Response:
    """Renders the page, or what the panel shows of it; the panel would take nothing from a response with an error's status."""
    pictures = changing.pictures_of(message, current_user())
    chosen = next((file for file in pictures if file.id == form.picture.data), pictures[-1] if pictures else None)
    status = form.refusal.status if form.refusal else 200
    values: dict[str, Any] = {"form": form, "pictures": pictures, "chosen": chosen, "stays": IN_PANEL if is_htmx() else {}}
    values["is_possible"] = changing.is_possible()
    return render(
        "workspace/drawing/_change.html" if is_htmx() else "workspace/drawing/change.html",
        status=200 if is_htmx() else status,
        page_url=url_for(".change", id=message.id, picture=chosen.id if chosen else None),
        send_url=url_for(".send", id=message.id),
        back_url=chat_page_url(message.chat_id, f"message-{message.id}"),
        **values,
    )
