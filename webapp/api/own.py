"""/api/v1/me and /api/v1/tokens: who the caller is, and the tokens of theirs."""

from flask import Blueprint
from flask_wtf.csrf import generate_csrf

from webapp.accounts import queries, tokens
from webapp.api.access import caller, identified
from webapp.api.operations import operation
from webapp.api.schemas.people import Me, NewToken, NewTokenAnswer, TokenAnswer, TokenList
from webapp.web.guards import client_address

bp = Blueprint("api_account", __name__, url_prefix="/api/v1")
BY_HAND = "A token makes no tokens, so that revoking it is the end of it. Make one on the account page."


@bp.get("/me")
@operation("Say who is calling, and what for", scope="read", answer=Me)
def show() -> Me:
    found = identified()
    token = generate_csrf() if found.has_cookie else None
    return Me.of(found.user, scopes=sorted(found.scopes), csrf_token=token)


@bp.get("/tokens")
@operation("List your tokens", scope="read", answer=TokenList)
def index() -> TokenList:
    return TokenList(tokens=[TokenAnswer.of(each, scopes=each.scopes.split()) for each in queries.tokens_of(caller().id)])


@bp.post("/tokens")
@operation(
    "Make a token, which is told this once; not by a token",
    scope="chat",
    body=NewToken,
    answer=NewTokenAnswer,
    status=201,
    errors=(409,),
    by_hand=BY_HAND,
)
def create(body: NewToken) -> NewTokenAnswer:
    me = caller()
    made = tokens.make_token(me, body.name, body.scopes, days=body.days, by=me, address=client_address())
    return NewTokenAnswer(token=made)


@bp.delete("/tokens/<id>")
@operation("Revoke a token at once", scope="chat", status=204)
def revoke(id: str) -> None:
    tokens.revoke_token(caller(), id, address=client_address())
