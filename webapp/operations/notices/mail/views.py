"""/admin/mail: the server that sends email, its password, and a test."""

from flask import Blueprint, Response, url_for
from wtforms import EmailField, PasswordField

from webapp.base.languages import gettext as _
from webapp.operations.notices.mail import service
from webapp.operations.notices.mail.service import forget_password, password, set_password
from webapp.people.accounts.guards import admin_only, audit_author, current_user
from webapp.settings.forms import SettingsForm
from webapp.settings.service import setting
from webapp.web.forms import PLAIN, Form
from webapp.web.htmx import redirect, render

bp = Blueprint("mail", __name__, url_prefix="/admin/mail")


class MailPasswordForm(Form):
    password = PasswordField("Password", render_kw={"autocomplete": "new-password", "required": True, "maxlength": 500})


class MailTestForm(Form):
    # Keeps pytest from collecting it as a test.
    __test__ = False

    to = EmailField("Send to", render_kw={**PLAIN, "required": True, "maxlength": 254})


@bp.get("")
@admin_only
def index() -> Response:
    return _page()


@bp.post("")
@admin_only
def update() -> Response:
    form = SettingsForm(bp.url_prefix or "")
    if form.wrong:
        return _page(form, status=422)
    return _done(form.save(author=audit_author()))


@bp.post("/password")
@admin_only
def enter_password() -> Response:
    form = MailPasswordForm.opened()
    with form.attempt():
        set_password(form.password.data or "", author=audit_author())
        return _done(_("Password saved."))
    return _page(password_form=form, status=422)


@bp.post("/password/delete")
@admin_only
def delete_password() -> Response:
    forget_password(author=audit_author())
    return _done(_("Password deleted."))


@bp.post("/test")
@admin_only
def test() -> Response:
    form = MailTestForm.opened()
    with form.attempt():
        to = (form.to.data or "").strip()
        service.send_test(to, author=audit_author())
        return _done(_("A test was sent to %(address)s.", address=to))
    return _page(test_form=form, status=422)


def _done(words: str) -> Response:
    return redirect(url_for(".index"), words)


def _page(
    form: SettingsForm | None = None,
    *,
    password_form: MailPasswordForm | None = None,
    test_form: MailTestForm | None = None,
    status: int = 200,
) -> Response:
    return render(
        "operations/notices/mail/index.html",
        status=status,
        form=form or SettingsForm(bp.url_prefix or ""),
        password_form=password_form or MailPasswordForm.fresh(),
        test_form=test_form or MailTestForm.fresh(to=current_user().email),
        password=password(),
        is_set=service.is_set(),
        recipients=setting("alerts.emails"),
    )
