"""/api/v1/identity-providers: where people sign in besides here, and what they get by it; for admins."""

from datetime import datetime
from typing import Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.operations import operation
from webapp.api.schemas import Answer, Named
from webapp.base.inputs import Changes
from webapp.models.upstream.sign_in import SignInFailed
from webapp.operations.sign_on import service
from webapp.operations.sign_on.service import ProviderChange, ProviderInput
from webapp.operations.sign_on.tables import IdentityProvider
from webapp.operations.sign_on.views import addresses
from webapp.people.accounts.guards import audit_author

bp = Blueprint("api_identity_providers", __name__, url_prefix="/api/v1/identity-providers")


class ClaimRowAnswer(Answer):
    claim: str
    value: str
    role: Literal["", "admin", "member", "guest"]
    group: str = Field(description="The id of a group; empty for none.")
    clearance: int | None


class IdentityProviderAnswer(Named):
    icon: str
    issuer: str
    client_id: str
    has_secret: bool = Field(description="Whether a client secret is stored. It is never returned.")
    scopes: str
    is_enabled: bool
    creates_accounts: bool
    trusts_email: bool
    signs_out: bool
    domains: list[str]
    required_claim: str
    required_values: list[str]
    default_role: Literal["member", "guest"]
    claim_rows: list[ClaimRowAnswer]
    contact: str
    redirect_uri: str = Field(description="What to enter at the provider.")
    logout_uri: str = Field(description="What to enter there for back-channel logout.")
    created_at: datetime


class IdentityProviderList(Answer):
    identity_providers: list[IdentityProviderAnswer]


class IdentityProviderTest(Answer):
    is_working: bool
    keys: int = Field(description="How many keys it has to sign with.")
    trouble: str = Field(description="Why it can't be used; else empty.")


@bp.get("")
@operation("List the providers that people sign in with", scope="admin", answer=IdentityProviderList)
def index() -> IdentityProviderList:
    return IdentityProviderList(identity_providers=[_answer(row) for row in service.providers()])


@bp.post("")
@operation(
    "Add a provider; it is not asked for anything yet",
    scope="admin",
    body=ProviderInput,
    answer=IdentityProviderAnswer,
    status=201,
    errors=(409,),
)
def create(body: ProviderInput) -> IdentityProviderAnswer:
    return _answer(service.add(body, author=audit_author()))


@bp.get("/<id>")
@operation("Show a provider", scope="admin", answer=IdentityProviderAnswer)
def show(id: str) -> IdentityProviderAnswer:
    return _answer(service.provider(id))


@bp.patch("/<id>")
@operation("Change a provider", scope="admin", body=ProviderChange, answer=IdentityProviderAnswer, errors=(409,))
def change(id: str, body: Changes) -> IdentityProviderAnswer:
    service.change_some(id, body.given, author=audit_author())
    return _answer(service.provider(id))


@bp.delete("/<id>")
@operation("Delete a provider, and sign out whoever signed in with it", scope="admin", status=204, errors=(409,))
def delete(id: str) -> None:
    service.delete(id, author=audit_author())


@bp.post("/<id>/test")
@operation("Ask a provider for its document and its keys", scope="admin", answer=IdentityProviderTest)
def test(id: str) -> IdentityProviderTest:
    try:
        return IdentityProviderTest(is_working=True, keys=service.test(id), trouble="")
    except SignInFailed as failure:
        return IdentityProviderTest(is_working=False, keys=0, trouble=failure.message)


def _answer(row: IdentityProvider) -> IdentityProviderAnswer:
    there = addresses(row.id)
    return IdentityProviderAnswer.of(
        row,
        has_secret=bool(row.secret),
        claim_rows=[ClaimRowAnswer(**claim_row) for claim_row in row.claim_rows],
        redirect_uri=there["Redirect URI"],
        logout_uri=there["Back-channel logout"],
    )
