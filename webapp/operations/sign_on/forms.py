"""The forms of sign-on."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from wtforms import BooleanField, PasswordField, SelectField, StringField, TextAreaField

from webapp.base.languages import gettext as _
from webapp.operations.sign_on.service import ICONS, ProviderInput
from webapp.operations.sign_on.tables import IdentityProvider
from webapp.people.accounts import queries
from webapp.people.accounts.forms import ADVICE, NEW_PASSWORD, PRESENT_PASSWORD, OwnPassword
from webapp.people.accounts.roles import CLEARANCES
from webapp.web.forms import PLAIN, Form, InputForm, options

ROLES = {"member": "Member", "guest": "Guest"}
ROLES_GIVEN = {"admin": "Role: admin", "member": "Role: member", "guest": "Role: guest"}
# Rows for new entries, below those that there are.
EMPTY_ROWS = 3
FEW_LINES = {"rows": 2, **PLAIN}
EMPTY = {"claim": "", "value": "", "role": "", "group": "", "clearance": None}


class ProviderForm(InputForm[ProviderInput]):
    """A provider; a claim row is three fields, whose last one says what it gives, such as `role:admin`."""

    takes = ProviderInput
    name = StringField("Name", description="The button's label: “Sign in with …”.", render_kw=PLAIN)
    icon = SelectField("Icon", choices=options({icon: icon.replace("-", " ").capitalize() for icon in ICONS}))
    issuer = StringField("Issuer", render_kw={**PLAIN, "placeholder": "https://id.example.com/realms/team", "inputmode": "url"})
    client_id = StringField("Client ID", render_kw=PLAIN)
    client_secret = PasswordField("Client secret", render_kw={"autocomplete": "new-password"})
    scopes = StringField("Scopes", description="Besides openid. Empty: profile email.", render_kw=PLAIN)
    is_enabled = BooleanField("People can sign in with it")
    creates_accounts = BooleanField("Create an account at first sign-in")
    trusts_email = BooleanField("Treat its email addresses as verified")
    signs_out = BooleanField("Signing out here signs out there, too")
    domains = TextAreaField("Email domains that get an account", default="", description="Empty: all.", render_kw=FEW_LINES)
    required_claim = StringField("Claim required to sign in", description="Such as groups. Empty: everyone.", render_kw=PLAIN)
    required_values = TextAreaField("Accepted values", default="", description="One per line.", render_kw=FEW_LINES)
    default_role = SelectField("Role of new accounts", choices=options(ROLES))
    contact = StringField("Contact for people without an account", description="Such as it@example.org.", render_kw=PLAIN)

    @classmethod
    def for_provider(cls, row: IdentityProvider) -> "ProviderForm":
        texts = {"domains": "\n".join(row.domains), "required_values": "\n".join(row.required_values)}
        form = cls.from_row(row, client_secret="", **texts)
        form.given_rows = row.claim_rows
        return form.with_stored(row)

    def with_stored(self, row: IdentityProvider) -> "ProviderForm":
        if row.secret:
            self.client_secret.description = "Leave empty to keep the stored one."
        return self

    @property
    def values(self) -> dict[str, Any]:
        lists = {"domains": re.split(r"[,\s]+", self.domains.data or ""), "required_values": _lines(self.required_values.data)}
        secret = self.client_secret.data or None
        return super().values | lists | {"client_secret": secret, "claim_rows": self._entered_rows()}

    given_rows: Sequence[Mapping[str, Any]] = ()
    empty_rows = (EMPTY,) * EMPTY_ROWS

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """The rows that there are, or that were entered."""
        return self._entered_rows() if self.is_submitted() and "claim" in request.form else self.given_rows

    @property
    def gifts(self) -> dict[str, str]:
        """What a row can give, with its words."""
        roles = {f"role:{role}": _(words) for role, words in ROLES_GIVEN.items()}
        groups = {f"group:{group.id}": _("Group: %(name)s", name=group.name) for group, _members in queries.groups()}
        clearances = {f"clearance:{level}": _("Clearance: %(level)s", level=level) for level in CLEARANCES}
        return roles | groups | clearances

    @staticmethod
    def gift_of(row: Mapping[str, Any]) -> str:
        if row["role"]:
            return f"role:{row['role']}"
        return f"group:{row['group']}" if row["group"] else f"clearance:{row['clearance']}"

    def _entered_rows(self) -> list[dict[str, Any]]:
        """Returns the rows that have a claim or a value; one that has lost both is removed."""
        columns = (request.form.getlist(name) for name in ("claim", "value", "gives"))
        return [_row(*texts) for texts in zip(*columns, strict=False) if texts[0].strip() or texts[1].strip()]


class ConnectForm(Form):
    password = OwnPassword("Your password", render_kw=PRESENT_PASSWORD)


class ReportForm(Form):
    """That a sign-in wasn't one's own; an account without a password chooses none."""

    current = OwnPassword("Current password", default="", render_kw=PRESENT_PASSWORD)
    password = PasswordField("New password", default="", description=ADVICE, render_kw=NEW_PASSWORD)


def _row(claim: str, value: str, gives: str) -> dict[str, Any]:
    kind, _, what = gives.partition(":")
    level = int(what) if kind == "clearance" and what.isascii() and what.isdigit() else None
    role, group = (what if kind == name else "" for name in ("role", "group"))
    return {"claim": claim, "value": value, "role": role, "group": group, "clearance": level}


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]
