"""/sign-on: where people go to a provider and come back; /account/sign-on: the ways in which a person signs in."""

import time
from typing import Any

from flask import Blueprint, Response, jsonify, request, session, url_for

from webapp.base.changes import access_changed
from webapp.base.errors import AppError, NotFound
from webapp.base.languages import gettext as _
from webapp.models.upstream.sign_in import SignInFailed
from webapp.operations.sign_on import service, sign_ins
from webapp.operations.sign_on.forms import ConnectForm
from webapp.operations.sign_on.openid import VerifiedIdentity
from webapp.operations.sign_on.sign_ins import Visit
from webapp.operations.sign_on.tables import Identity, IdentityProvider
from webapp.people.accounts import service as accounts
from webapp.people.accounts.guards import (
    anybody,
    audit_author,
    client_address,
    current_user,
    own_address,
    own_path,
    session_secret,
    signed_in,
    signed_in_by,
    user_or_none,
)
from webapp.web.htmx import redirect, render

bp = Blueprint("sign_ins", __name__)
# In the signed session of forms, so that no other browser can end what this one has begun.
ATTEMPT = "sign_on"
MOST_SECONDS = 600
SECURITY = "/account/security"
# What someone goes to a provider for; the words are on the page that leads there.
SIGN_IN, CONNECT, CONFIRM = "Sign in with", "Connect", "Confirm with"
NOT_BEGUN = "This sign-in wasn't begun in this browser, or took too long. Please begin again."


@bp.get("/sign-on/<id>")
@anybody
def begin(id: str) -> Response:
    return _going(_enabled(id), path=own_path(request.args.get("next", "")))


@bp.get("/sign-on/<id>/return")
@anybody
def come_back(id: str) -> Response:
    provider, begun = _enabled(id), session.pop(ATTEMPT, None) or {}
    try:
        # What one provider sends is never taken for what another was asked.
        if begun.get("provider") != id or begun["until"] < time.time():
            raise SignInFailed(NOT_BEGUN)
        told = sign_ins.told_by(provider, begun["attempt"], {name: request.args.get(name, "") for name in request.args})
        if begun["aim"] != SIGN_IN:
            return _back(told, begun["aim"], begun["person"], begun["path"])
        visit = Visit(told, request.user_agent.string, client_address())
        return signed_in_by(lambda: sign_ins.sign_in(id, visit), begun["path"])
    except (SignInFailed, AppError) as failure:
        return _failed(id, failure.message, status=getattr(failure, "status", 422))


@bp.post("/sign-on/back-channel/<id>")
@anybody
def log_out(id: str) -> Response:
    """Takes a provider's word that someone has signed out there (OpenID Connect Back-Channel Logout 1.0)."""
    try:
        sign_ins.log_out(_enabled(id), request.form.get("logout_token", ""))
    except SignInFailed as failure:
        response = jsonify(error="invalid_request", error_description=failure.message)
        response.status_code = 400
        return response
    return Response(status=200)


@bp.get("/sign-on/<id>/leave")
@anybody
def leave(id: str) -> Response:
    """Leads on to the provider: a form of ours can't, as it only goes to ourselves."""
    provider = _enabled(id)
    name, url = provider.name, sign_ins.end_at(provider, request.args.get("token", ""), own_address("/login"))
    if user_or_none() or not url:
        return redirect("/login")
    response = render("operations/sign_on/leave.html", name=name, url=url)
    response.headers["Refresh"] = f"0; url={url}"
    return response


@bp.get("/account/sign-on/<id>")
@signed_in
def ask(id: str) -> Response:
    return ConnectForm.opened().shown("operations/sign_on/connect.html", provider=_enabled(id))


@bp.post("/account/sign-on/<id>")
@signed_in
def connect(id: str) -> Response:
    form = ConnectForm.opened()
    with form.attempt():
        # A stolen session alone adds no other way in.
        accounts.confirm(current_user(), form.password.data or "", address=client_address())
        return _going(_enabled(id), path=SECURITY, aim=CONNECT)
    return form.shown("operations/sign_on/connect.html", provider=_enabled(id))


@bp.get("/account/sign-on/<id>/confirm")
@signed_in
def confirm(id: str) -> Response:
    return _going(_enabled(id), path=own_path(request.args.get("next", "")), aim=CONFIRM)


@bp.post("/account/sign-on/<id>/remove")
@signed_in
def disconnect(id: str) -> Response:
    user_id = current_user().id
    sign_ins.disconnect(current_user(), id, author=audit_author())
    access_changed(user_id)
    return redirect(SECURITY, _("Removed. You can no longer sign in with it."))


@bp.app_template_global()
def own_sign_ons() -> dict[str, Any]:
    """Returns how the current person signs in besides a password, and what else they could connect."""
    connected = sign_ons_of(current_user().id)
    issuers = {identity.issuer for identity, _ in connected}
    others = [row for row in service.providers() if row.is_enabled and row.issuer not in issuers]
    return {"connected": connected, "others": others}


@bp.app_template_global()
def sign_ons_of(user_id: str) -> list[tuple[Identity, str]]:
    """Returns the ways in which a person signs in besides a password, each with what it is called."""
    names = {provider.issuer: provider.name for provider in service.providers()}
    return [(identity, names.get(identity.issuer, identity.issuer)) for identity in sign_ins.identities_of(user_id)]


def _enabled(id: str) -> IdentityProvider:
    provider = service.provider(id)
    if not provider.is_enabled:
        raise NotFound("That way to sign in is turned off.")
    return provider


def _going(provider: IdentityProvider, *, path: str, aim: str = SIGN_IN) -> Response:
    """Begins an attempt in this browser alone, and leads to the provider; someone who is signed in goes there by a link."""
    id, name = provider.id, provider.name
    person_id = current_user().id if aim != SIGN_IN else ""
    try:
        url, attempt = sign_ins.begin(provider, own_address(url_for("sign_ins.come_back", id=id)), again=aim == CONFIRM)
    except (SignInFailed, AppError) as failure:
        return _failed(id, failure.message, status=getattr(failure, "status", 502))
    until = time.time() + MOST_SECONDS
    session[ATTEMPT] = {"provider": id, "attempt": attempt, "path": path, "aim": aim, "person": person_id, "until": until}
    if aim == SIGN_IN:
        return redirect(url)
    return render("operations/sign_on/going.html", words=aim, name=name, url=url, back=path)


def _back(told: VerifiedIdentity, aim: str, person_id: str, path: str) -> Response:
    """Does for whom it was begun, if they are still signed in, what they have gone to the provider for."""
    me = user_or_none()
    if me is None or me.id != person_id:
        raise SignInFailed(NOT_BEGUN)
    if aim == CONNECT:
        sign_ins.connect(me, told, address=client_address())
        return redirect(path, _("Connected. You can now sign in with it."))
    sign_ins.confirm(me, told, secret=session_secret(), address=client_address())
    return redirect(path)


def _failed(id: str, words: str, *, status: int) -> Response:
    return render("operations/sign_on/failed.html", status=status, words=words, provider_id=id)
