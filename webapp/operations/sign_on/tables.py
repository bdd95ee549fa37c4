"""The tables of sign-on: the providers that people sign in at, and who they are there."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Record
from webapp.operations.sign_on.claims import ClaimRow


class IdentityProvider(Record):
    """An OpenID provider. `secret` is encrypted.

    With `creates_accounts`, the first sign-in of a person makes an account with `default_role`, for addresses at `domains` alone
    if there are some. With a `required_claim`, only people come in for whom it has one of `required_values`. `trusts_email` says
    that the provider's addresses are verified, though its tokens don't say so.
    """

    __tablename__ = "identity_providers"

    name: Mapped[str] = mapped_column(String(60), unique=True)
    icon: Mapped[str] = mapped_column(String(20), default="key-round", server_default="key-round")
    issuer: Mapped[str] = mapped_column(String(300))
    client_id: Mapped[str] = mapped_column(String(300))
    secret: Mapped[str] = mapped_column(Text, default="", server_default="")
    scopes: Mapped[str] = mapped_column(String(300), default="", server_default="")
    is_enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    creates_accounts: Mapped[bool] = mapped_column(default=False, server_default=false())
    trusts_email: Mapped[bool] = mapped_column(default=False, server_default=false())
    signs_out: Mapped[bool] = mapped_column(default=True, server_default=true())
    domains: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    required_claim: Mapped[str] = mapped_column(String(200), default="", server_default="")
    required_values: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    default_role: Mapped[str] = mapped_column(String(10), default="member", server_default="member")
    claim_rows: Mapped[list[ClaimRow]] = mapped_column(JSON, default=list, server_default="[]")
    contact: Mapped[str] = mapped_column(String(200), default="", server_default="")


class Identity(Record):
    """Who a person is at a provider: its issuer and their subject there, and nothing else, lead to their account."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255))
    label: Mapped[str] = mapped_column(String(254), default="", server_default="")
    used_at: Mapped[datetime | None]
