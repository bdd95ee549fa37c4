"""/login/code and /account/two-factor: entering a code to sign in, and turning two-factor authentication on and off."""

from typing import Any

from flask import Blueprint, Response, request

from webapp.people.accounts import service as accounts
from webapp.people.accounts.guards import (
    anybody,
    client_address,
    own_path,
    person_in_session,
    session_secret,
    setting_up,
    with_session,
)
from webapp.people.second_factor import service, totp
from webapp.people.second_factor.forms import CodeForm, ConfirmForm, EndForm, RenewForm, StartForm
from webapp.people.second_factor.tables import SecondFactor
from webapp.web.forms import Form
from webapp.web.htmx import done_message, redirect, render

bp = Blueprint("second_factor", __name__)
DONE = {"off": "Two-factor authentication is off. Your password alone signs you in."}


@bp.get("/login/code")
@anybody
def ask() -> Response:
    return CodeForm.opened().shown("people/code.html") if service.awaited() else redirect("/login")


@bp.post("/login/code")
@anybody
def sign_in() -> Response:
    form, awaited, address = CodeForm.opened(), service.awaited(), client_address()
    if not awaited:
        return redirect("/login")
    with form.attempt():
        user_id = awaited.user.id
        service.check(user_id, form.code.data, address=address)
        secret = accounts.open_session(user_id, request.user_agent.string, address=address, proof=awaited.proof)
        accounts.sign_out(session_secret(), address=address)
        service.forget()
        return with_session(redirect(own_path(awaited.path)), secret)
    return form.shown("people/code.html")


@bp.get("/account/two-factor")
@setting_up
def show() -> Response:
    return _page()


@bp.post("/account/two-factor/start")
@setting_up
def start() -> Response:
    form = StartForm.opened()
    with form.attempt():
        service.begin(person_in_session(), form.password.data, address=client_address())
        return _page(is_begun=True)
    return _page(form)


@bp.post("/account/two-factor/confirm")
@setting_up
def confirm() -> Response:
    form = ConfirmForm.opened()
    with form.attempt():
        return _page(codes=service.confirm(person_in_session(), form.code.data, address=client_address()))
    return _page(form, is_begun=True)


@bp.post("/account/two-factor/codes")
@setting_up
def renew() -> Response:
    form = RenewForm.opened()
    with form.attempt():
        return _page(codes=service.renew(person_in_session(), form.password.data, address=client_address()))
    return _page(form)


@bp.post("/account/two-factor/off")
@setting_up
def end() -> Response:
    form = EndForm.opened()
    with form.attempt():
        service.end(person_in_session(), form.password.data, form.code.data, address=client_address())
        return redirect("/account/two-factor?done=off")
    return _page(form)


def _page(refused: Form | None = None, *, is_begun: bool = False, **context: Any) -> Response:
    """Renders the page in its current state; the secret is shown only in the response to a form of this page."""
    me = person_in_session()
    factor, is_required = service.of(me.id), service.is_required(me)
    is_on = factor is not None and factor.confirmed_at is not None
    forms = {
        each.__name__: refused if isinstance(refused, each) else each.fresh()
        for each in (StartForm, ConfirmForm, RenewForm, EndForm)
    }
    context |= {"forms": forms, "is_on": is_on, "is_required": is_required, "email": me.email, "done": done_message(DONE)}
    if factor and is_on:
        context |= {"since": factor.confirmed_at, "left": service.recovery_codes_left(factor)}
    elif factor and is_begun:
        context |= _app(factor)
    return render("people/two_factor.html", status=refused.refusal.status if refused and refused.refusal else 200, **context)


def _app(factor: SecondFactor) -> dict[str, Any]:
    """Returns what an authenticator app needs: the secret as a QR code, and as text for an app without a camera."""
    # Imported by the first person who turns it on.
    import segno

    secret = service.secret_of(factor)
    address = totp.address(secret, person_in_session().email)
    squares = segno.make(address, error="m").matrix
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(squares) for x, is_dark in enumerate(row) if is_dark)
    return {"path": path, "size": len(squares), "secret": totp.grouped(secret), "address": address}
