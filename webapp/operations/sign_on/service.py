"""What admins do with the providers that people sign in at: add, change, test and delete them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import CursorResult, delete as sql_delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base import audit, logs
from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.base.inputs import AnyId, Input, OneLine, Refusal, changes, checked_by
from webapp.base.languages import gettext as _
from webapp.models.upstream.sign_in import SignInFailed, secure_parts
from webapp.operations.sign_on import openid
from webapp.operations.sign_on.openid import Client
from webapp.operations.sign_on.tables import IdentityProvider
from webapp.people.accounts import queries
from webapp.people.accounts.tables import PersonAuthor, UserSession
from webapp.settings.secrets.encryption import Holder, Secret, the_encryption
from webapp.settings.service import setting

KIND = "identity provider"
MOST_PROVIDERS, MOST_ROWS, MOST_ENTRIES = 20, 100, 100
ICONS = ("key-round", "shield-check", "users", "network", "mail", "globe")
TAKEN = "A provider with that name already exists."
LAST_WAY = "Passwords are turned off, so this is the last way to sign in. Allow passwords first."
NO_WAY = "Add a provider first, and turn it on: else no one could sign in."
NEEDS_SECRET = "Another issuer is another provider: enter its client secret again."
ShortLine = Annotated[str, Field(max_length=200), OneLine("Enter one line of up to 200 characters.", 200)]


def _checked_issuer(issuer: str) -> str:
    issuer = issuer.strip().removesuffix("/.well-known/openid-configuration")
    try:
        parts = secure_parts(issuer)
    except SignInFailed as error:
        raise Invalid(error.message, field="issuer") from error
    if parts.query:
        raise Invalid("An issuer can't contain “?”.", field="issuer")
    return issuer


def _checked_secret(secret: str) -> str:
    if not (secret.isascii() and secret.isprintable()):
        raise Invalid("That isn't a client secret. Please paste only the secret.", field="client_secret")
    return secret.strip()


def _checked_domains(domains: list[str]) -> list[str]:
    checked = [domain.strip().lower().removeprefix("@") for domain in domains if domain.strip()]
    if any("." not in domain or len(domain) > 253 or not domain.isprintable() or " " in domain for domain in checked):
        raise Invalid("Enter domains such as example.org.", field="domains")
    return checked


class ClaimRowInput(Input):
    """What someone has whose claim has this value: a role, a group or a clearance."""

    claim: Annotated[str, Field(max_length=200), OneLine("Enter the name of a claim.", 200, 1)]
    value: Annotated[str, Field(max_length=200), OneLine("Enter the value that the claim must have.", 200, 1)]
    role: Literal["", "admin", "member", "guest"] = Field("", description="No claim makes anyone an owner.")
    group: AnyId = Field("", description="The id of a group.")
    clearance: Annotated[int | None, Field(ge=0, le=3), Refusal("A clearance is a number from 0 to 3.")] = None


class ProviderInput(Input):
    """What is entered for a provider."""

    name: Annotated[str, Field(max_length=60), OneLine("Enter a name of up to 60 characters.", 60, 1)]
    icon: Literal[ICONS] = "key-round"  # type: ignore[valid-type]
    issuer: Annotated[
        str,
        Field(max_length=300, description="The address that the provider's tokens name."),
        checked_by(_checked_issuer),
        Refusal("Enter the issuer's address, of up to 300 characters."),
    ]
    client_id: Annotated[str, Field(max_length=300), OneLine("Enter the client ID that the provider shows.", 300, 1)]
    client_secret: Annotated[str | None, Field(max_length=2_000)] = Field(
        None, description="Stored encrypted and never returned; null keeps the stored one, empty is a client without one."
    )
    scopes: ShortLine = Field("", description="Besides `openid`; empty for `profile email`.")
    is_enabled: bool = True
    creates_accounts: bool = Field(False, description="Whether the first sign-in makes an account.")
    trusts_email: bool = Field(False, description="Whether its addresses are verified though its tokens don't say so.")
    signs_out: bool = Field(True, description="Whether signing out here signs out there, too.")
    domains: Annotated[list[str], Field(max_length=MOST_ENTRIES), checked_by(_checked_domains)] = Field(
        [], description="Of the addresses that can get an account; empty for all."
    )
    required_claim: ShortLine = Field("", description="The claim that must have one of `required_values`; empty for none.")
    required_values: Annotated[list[ShortLine], Field(max_length=MOST_ENTRIES)] = []
    default_role: Literal["member", "guest"] = "member"
    claim_rows: Annotated[list[ClaimRowInput], Field(max_length=MOST_ROWS)] = []
    contact: ShortLine = Field("", description="Whom people ask who have no account, such as an address.")


ProviderChange = changes("ProviderChange", ProviderInput, NEEDS_SECRET)


def providers() -> Sequence[IdentityProvider]:
    return db.session.scalars(select(IdentityProvider).order_by(IdentityProvider.id)).all()


def provider(id: str) -> IdentityProvider:
    """Returns a provider; raises `NotFound`."""
    if row := db.session.get(IdentityProvider, id):
        return row
    raise NotFound("That provider no longer exists.")


def add(entered: ProviderInput, *, author: PersonAuthor) -> IdentityProvider:
    """Adds a provider, whether or not it can be reached now: it can be tested at any time."""
    row = IdentityProvider()
    with write() as session:
        if len(session.scalars(select(IdentityProvider.id)).all()) >= MOST_PROVIDERS:
            raise Conflict(f"There can be at most {MOST_PROVIDERS} providers.")
        _fill(session, row, entered)
        _note(session, "added a provider", row, author)
    return row


def change(id: str, entered: ProviderInput, *, author: PersonAuthor) -> None:
    """Changes a provider; it applies from the next sign-in on."""
    with write() as session:
        row = session.get(IdentityProvider, id)
        if row is None:
            raise NotFound("That provider no longer exists.")
        if row.is_enabled and not entered.is_enabled:
            _keep_a_way(session, id)
        if row.secret and entered.issuer != row.issuer and entered.client_secret is None:
            raise Invalid(NEEDS_SECRET, field="client_secret")
        _fill(session, row, entered)
        _note(session, "changed a provider", row, author)


def change_some(id: str, given: Mapping[str, Any], *, author: PersonAuthor) -> None:
    """Changes what is given of a provider."""
    row = provider(id)
    present = {name: getattr(row, name) for name in ProviderInput.model_fields if name != "client_secret"}
    change(id, ProviderInput.entered(present | dict(given)), author=author)


def delete(id: str, *, author: PersonAuthor) -> None:
    """Deletes a provider, and ends the sessions that come from it; accounts stay, and know who they are at its issuer."""
    with write() as session:
        row = session.get(IdentityProvider, id)
        if row is None:
            raise NotFound("That provider no longer exists.")
        _keep_a_way(session, id)
        _note(session, "deleted a provider", row, author)
        session.execute(sql_delete(UserSession).where(UserSession.provider_id == id))
        session.delete(row)


def test(id: str) -> int:
    """Returns how many keys a provider has now; raises `SignInFailed` with the reason why it can't be used."""
    client = client_of(provider(id))
    db.session.rollback()
    return openid.look_up(client)


def client_of(row: IdentityProvider) -> Client:
    """Returns what we are at a provider; raises `DecryptionError` if its secret can't be read."""
    secret = the_encryption().decrypt_api_key(row.secret, owner=row.id, purpose=_purpose(row)) if row.secret else ""
    logs.hide(*filter(None, (secret,)))
    return Client(row.issuer, row.client_id, secret, row.scopes)


def check_passwords(is_on: Any) -> None:
    """Refuses to turn passwords off while there is no other way to sign in."""
    is_other_way = select(IdentityProvider.id).where(IdentityProvider.is_enabled)
    if not is_on and db.session.scalar(is_other_way.limit(1)) is None:
        raise Invalid(NO_WAY, field="value")


def _fill(session: Session, row: IdentityProvider, entered: ProviderInput) -> None:
    values = entered.model_dump(exclude={"client_secret"})
    for claim_row in values["claim_rows"]:
        if not (claim_row["role"] or claim_row["group"] or claim_row["clearance"] is not None):
            raise Invalid("Each row gives something: a role, a group or a clearance.", field="claim_rows")
        if claim_row["group"] and queries.group(claim_row["group"]) is None:
            raise Invalid("A row names a group that no longer exists.", field="claim_rows")
    if bool(entered.required_claim) != bool(entered.required_values):
        raise Invalid("Enter both the claim and the values of which it must have one, or neither.", field="required_claim")
    for name, value in values.items():
        setattr(row, name, value)
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(TAKEN, field="name") from error
    if entered.client_secret is not None:
        secret = _checked_secret(entered.client_secret)
        logs.hide(*filter(None, (secret,)))
        row.secret = the_encryption().encrypt_api_key(secret, owner=row.id, purpose=_purpose(row)) if secret else ""


def _keep_a_way(session: Session, id: str) -> None:
    """Raises Conflict if no one could sign in without this provider."""
    other = select(IdentityProvider.id).where(IdentityProvider.is_enabled, IdentityProvider.id != id)
    if not setting("sign_in.passwords") and session.scalar(other.limit(1)) is None:
        raise Conflict(LAST_WAY)


def _note(session: Session, action: str, row: IdentityProvider, author: PersonAuthor) -> None:
    audit.add(session, action, author=author, object_kind=KIND, object_id=row.id, detail=f"{row.name} ({row.issuer})")


def _purpose(row: IdentityProvider) -> str:
    return f"sign-on at {row.issuer}"


def _stored() -> list[Secret]:
    sessions = select(UserSession.id, UserSession.id_token).where(UserSession.id_token != "")
    rows = select(IdentityProvider.id, IdentityProvider.name, IdentityProvider.secret).where(IdentityProvider.secret != "")
    with db.engine.connect() as connection:
        secrets = [Secret(id, _("Client secret of %(name)s", name=name), text) for id, name, text in connection.execute(rows)]
        return secrets + [Secret(f"session/{id}", _("A session from sign-on"), text) for id, text in connection.execute(sessions)]


def _replace(session: Session, id: str, ciphertext: str, fresh: str) -> bool:
    kind, _, session_id = id.rpartition("/")
    if kind:
        row = update(UserSession).where(UserSession.id == session_id, UserSession.id_token == ciphertext).values(id_token=fresh)
    else:
        provider_row = IdentityProvider.id == id, IdentityProvider.secret == ciphertext
        row = update(IdentityProvider).where(*provider_row).values(secret=fresh)
    replaced = session.execute(row)
    return isinstance(replaced, CursorResult) and bool(replaced.rowcount)


HOLDER = Holder(KIND, _stored, _replace)
