"""/api/v1/me and /api/v1/tokens: who the caller is, and the tokens of theirs."""

from flask import Blueprint
from flask_wtf.csrf import generate_csrf

from webapp.accounts import queries, tokens
from webapp.accounts.tables import ApiToken
from webapp.api.access import caller, identified
from webapp.api.operations import operation
from webapp.api.schemas.people import Me, NewToken, NewTokenAnswer, TokenAnswer, TokenList
from webapp.errors import Forbidden
from webapp.web.guards import client_address

bp = Blueprint("api_account", __name__, url_prefix="/api/v1")
BY_HAND = "A token makes no tokens, so that revoking it is the end of it. Make one on the account page."


@bp.get("/me")
@operation("Say who is calling, and what for", scope="read", answer=Me)
def show() -> Me:
    found = identified()
    token = generate_csrf() if found.has_cookie else None
    names = ("id", "email", "name", "role")
    told = {name: getattr(found.user, name) for name in names}
    return Me.model_validate({**told, "scopes": sorted(found.scopes), "csrf_token": token})


@bp.get("/tokens")
@operation("List your tokens", scope="read", answer=TokenList)
def index() -> TokenList:
    return TokenList(tokens=[_told(each) for each in queries.tokens_of(caller().id)])


@bp.post("/tokens")
@operation(
    "Make a token, which is told this once; not by a token",
    scope="chat",
    body=NewToken,
    answer=NewTokenAnswer,
    status=201,
    errors=(409,),
)
def create(body: NewToken) -> NewTokenAnswer:
    found = identified()
    if not found.has_cookie:
        raise Forbidden(BY_HAND)
    made = tokens.make_token(found.user, body.name, body.scopes, days=body.days, by=found.user, address=client_address())
    return NewTokenAnswer(token=made)


@bp.delete("/tokens/<id>")
@operation("Revoke a token at once", scope="chat", status=204)
def revoke(id: str) -> None:
    tokens.revoke_token(caller(), id, address=client_address())


def _told(token: ApiToken) -> TokenAnswer:
    names = TokenAnswer.model_fields.keys() - {"scopes"}
    return TokenAnswer(scopes=token.scopes.split(), **{name: getattr(token, name) for name in names})
