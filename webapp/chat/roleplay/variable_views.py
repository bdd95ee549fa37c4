"""/variables: the variables that a person has in all their chats with characters."""

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import Conflict
from webapp.chat.record import variables
from webapp.chat.roleplay.variable_rows import VariableRows
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.forms import Form
from webapp.web.htmx import redirect

bp = Blueprint("variables", __name__)


@bp.get("/variables")
@signed_in
def show() -> Response:
    return _page(Form.fresh(), _now())


@bp.post("/variables")
@signed_in
def update() -> Response:
    form, sent = Form.opened(), VariableRows.sent(request.form) or _now()
    with form.attempt():
        if sent.is_changed:
            variables.replace_own(current_user().id, sent.values, seen=sent.seen)
        return redirect(url_for(".show"), "Saved.")
    return _page(form, sent.applied_to(_now().seen) if isinstance(form.refusal, Conflict) else sent)


def _now() -> VariableRows:
    return VariableRows.of(variables.of_person(current_user().id))


def _page(form: Form, rows: VariableRows) -> Response:
    return form.shown("chat/roleplay/variables.html", variables=rows)
