"""/login/code and /account/two-factor: entering a code to sign in, and turning two-factor authentication on and off."""

import time
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request, session

from webapp.people.accounts import queries, service as accounts
from webapp.people.accounts.guards import (
    anybody,
    client_address,
    own_path,
    person_in_session,
    session_secret,
    setting_up,
    with_session,
)
from webapp.people.accounts.second_step import CodeNeeded
from webapp.people.accounts.sign_on import SignOnSession
from webapp.people.accounts.tables import User
from webapp.people.second_factor import service, totp
from webapp.people.second_factor.forms import CodeForm, ConfirmForm, EndForm, RenewForm, StartForm
from webapp.people.second_factor.tables import SecondFactor
from webapp.web.forms import Form
from webapp.web.htmx import done_message, redirect, render

bp = Blueprint("second_factor", __name__)
DONE = {"off": "Two-factor authentication is off. You now sign in with just your password."}
# In the signed form session: the browser can read it, but not change it.
AWAITED = "second_step"
MOST_SECONDS = 600


@bp.get("/login/code")
@anybody
def ask() -> Response:
    return CodeForm.opened().shown("people/code.html") if awaited_person() else redirect("/login")


@bp.post("/login/code")
@anybody
def sign_in() -> Response:
    form, awaited, address = CodeForm.opened(), awaited_person(), client_address()
    if not awaited:
        return redirect("/login")
    with form.attempt():
        user_id = awaited.user.id
        service.check(user_id, form.code.data, address=address)
        agent = request.user_agent.string
        way = f"{accounts.way_of(awaited.proof, awaited.sign_on)} and a code"
        secret = accounts.open_session(user_id, agent, address=address, proof=awaited.proof, sign_on=awaited.sign_on, way=way)
        accounts.sign_out(session_secret(), address=address)
        forget_code()
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


def _page(form: Form | None = None, *, is_begun: bool = False, **context: Any) -> Response:
    """Renders the page in its current state; the secret is shown only in the response to a form of this page."""
    me = person_in_session()
    factor, is_required = service.row_for(me.id), service.is_required(me)
    is_on = factor is not None and factor.confirmed_at is not None
    forms = {
        kind.__name__: form if isinstance(form, kind) else kind.fresh() for kind in (StartForm, ConfirmForm, RenewForm, EndForm)
    }
    context |= {"forms": forms, "is_on": is_on, "is_required": is_required, "email": me.email, "done": done_message(DONE)}
    if factor and is_on:
        context |= {"since": factor.confirmed_at, "left": service.recovery_codes_left(factor)}
    elif factor and is_begun:
        context |= _app(factor)
    return render("people/two_factor.html", status=form.refusal.status if form and form.refusal else 200, **context)


def _app(factor: SecondFactor) -> dict[str, Any]:
    """Returns what an authenticator app needs: the secret as a QR code, and as text for an app without a camera."""
    # Imported by the first person who turns it on.
    import segno

    secret = service.secret_of(factor)
    address = totp.address(secret, person_in_session().email)
    squares = segno.make(address, error="m").matrix
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(squares) for x, is_dark in enumerate(row) if is_dark)
    return {"path": path, "size": len(squares), "secret": totp.grouped(secret), "address": address}


@dataclass(frozen=True, slots=True)
class Awaited:
    """A person who still has to enter a code, the hash of the password that was right, and the page to go to."""

    user: User
    proof: str
    path: str
    sign_on: SignOnSession | None


def ask_for_code(needed: CodeNeeded, path: str) -> Response:
    """Redirects to the page that asks for a code."""
    proof = queries.hashed(needed.proof) if needed.proof else ""
    session[AWAITED] = {
        "user": needed.user_id,
        "proof": proof,
        "path": path,
        "until": time.time() + MOST_SECONDS,
        "sign_on": needed.sign_on.without_token if needed.sign_on else None,
    }
    return redirect("/login/code")


def awaited_person() -> Awaited | None:
    """Returns who has to enter a code; None if that took too long, or if the password has changed since."""
    awaited_sign_in = session.get(AWAITED) or {}
    user = queries.person(awaited_sign_in["user"]) if awaited_sign_in and awaited_sign_in["until"] > time.time() else None
    if user is None or awaited_sign_in["proof"] not in ("", queries.hashed(user.password_hash)):
        return None
    sign_on = SignOnSession.from_cookie(awaited_sign_in.get("sign_on"))
    return Awaited(user, user.password_hash if awaited_sign_in["proof"] else "", awaited_sign_in["path"], sign_on)


def forget_code() -> None:
    session.pop(AWAITED, None)
