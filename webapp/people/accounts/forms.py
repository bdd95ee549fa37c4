"""The forms of accounts: sign-in, your account, people and groups."""

from collections.abc import Iterable

from wtforms import BooleanField, EmailField, HiddenField, PasswordField, SelectChoice, SelectField, StringField, SubmitField

from webapp.base.errors import Invalid
from webapp.people.accounts.fields import checked_email, checked_name, checked_password
from webapp.people.accounts.guards import person_in_session, session_secret
from webapp.people.accounts.passwords import LEAST
from webapp.people.accounts.roles import CLEARANCES, SCOPES
from webapp.people.accounts.tokens import GatewayLimits
from webapp.web.forms import Form, options
from webapp.web.pick_field import PickField

ADVICE = f"At least {LEAST} characters. A passphrase of several random words works best."
NEW_PASSWORD = {"autocomplete": "new-password", "required": True, "minlength": LEAST}
PRESENT_PASSWORD = {"autocomplete": "current-password", "required": True}
EMAIL = {"autocomplete": "username", "required": True, "maxlength": 254}
NAME = {"autocomplete": "name", "required": True, "maxlength": 120}
DAYS = {"30": "in 30 days", "90": "in 90 days", "365": "in 1 year", "0": "never"}


class OwnPassword(PasswordField):  # type: ignore[misc]  # WTForms has no types
    """One's own password. A person without one confirms by signing on again, and the session stands for it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist if person_in_session().has_password else [session_secret()])


class AccountForm(Form):
    """The fields of a new account. `check_account` skips the email if the invite fixes it."""

    def check_account(self, *, email: bool = True) -> None:
        rules = {"name": checked_name, "password": checked_password}
        self.check(**({"email": checked_email} if email else {}), **rules)


class SetupForm(AccountForm):
    from_address = ("token",)
    token = HiddenField(default="")
    email = EmailField("Email", default="", render_kw=EMAIL)
    name = StringField("Name", default="", render_kw=NAME)
    password = PasswordField("Password", default="", description=ADVICE, render_kw=NEW_PASSWORD)
    submit = SubmitField("Create owner")


class SignInForm(Form):
    from_address = ("next",)
    next = HiddenField(default="")
    email = EmailField("Email", default="", render_kw={"autocomplete": "username", "required": True})
    password = PasswordField("Password", default="", render_kw=PRESENT_PASSWORD)
    submit = SubmitField("Sign in")


class InvitedForm(AccountForm):
    """The account that an invite creates."""

    email = EmailField("Email", default="", render_kw=EMAIL)
    name = StringField("Name", default="", render_kw=NAME)
    password = PasswordField("Password", default="", description=ADVICE, render_kw=NEW_PASSWORD)


class ChosenPasswordForm(Form):
    password = PasswordField("New password", default="", description=ADVICE, render_kw=NEW_PASSWORD)


# Several of these forms share a page, so their fields have explicit, unique ids.


class NameForm(Form):
    name = StringField("Name", id="own-name", default="", render_kw=NAME)


class EmailForm(Form):
    email = EmailField("New email", id="own-email", default="", render_kw=EMAIL | {"autocomplete": "email"})
    password = OwnPassword("Your password", id="own-email-password", default="", render_kw=PRESENT_PASSWORD)


class PasswordForm(Form):
    current = OwnPassword("Current password", id="own-current", default="", render_kw=PRESENT_PASSWORD)
    password = PasswordField("New password", id="own-password", default="", description=ADVICE, render_kw=NEW_PASSWORD)
    revokes_tokens = BooleanField("Also revoke all API tokens", id="own-revokes-tokens")


class DeleteForm(Form):
    password = OwnPassword("Password of this account", id="own-delete-password", default="", render_kw=PRESENT_PASSWORD)


class TokenForm(Form):
    name = StringField(
        "Token name",
        id="token-name",
        default="",
        description="What will use it, for example “backup script”.",
        render_kw={"required": True, "maxlength": 120, "autocomplete": "off"},
    )
    days = SelectField("Expires", id="token-days", choices=[SelectChoice(*choice) for choice in DAYS.items()], default="90")
    password = OwnPassword("Confirm with your password", id="token-password", default="", render_kw=PRESENT_PASSWORD)

    is_gateway = BooleanField(
        "For a gateway, which passes on many people’s requests",
        id="token-gateway",
        description="It has the gateway limits from the settings, not yours.",
    )

    def offering(self, scopes: Iterable[str], *, is_admin: bool) -> "TokenForm":
        """Returns the form with checkboxes for these scopes only, and that of a gateway only for an admin."""
        for name in SCOPES:
            if name not in scopes and name in self:
                del self[name]
        if not is_admin:
            del self.is_gateway
        return self

    @property
    def gateway(self) -> GatewayLimits | None:
        return GatewayLimits() if "is_gateway" in self and self.is_gateway.data else None

    @property
    def scopes(self) -> list[str]:
        return [name for name in SCOPES if name in self and self[name].data]

    @property
    def boxes(self) -> list[BooleanField]:
        return [self[name] for name in SCOPES if name in self]

    @property
    def chosen_days(self) -> int:
        if self.days.data not in DAYS:
            raise Invalid("Choose when the token expires.", field="days")
        return int(self.days.data)


# Adds a checkbox for each scope.
for _name, (_words, _) in SCOPES.items():
    setattr(TokenForm, _name, BooleanField(_words, id=f"token-{_name}"))


class RoleForm(Form):
    role = SelectField("Role", id="person-role", choices=[])


class ClearanceForm(Form):
    clearance = SelectField(
        "Clearance",
        id="person-clearance",
        choices=options({str(clearance): str(clearance) for clearance in CLEARANCES}),
        description="Documents and collections of a higher level stay hidden, even when they are shared with this person.",
    )


class DeletePersonForm(Form):
    heir = PickField("Their data", id="person-heir", choices=[], validate_choice=False, default="")
    email = EmailField(
        "Type their email to confirm", id="person-email", default="", render_kw={"autocomplete": "off", "required": True}
    )


class GroupForm(Form):
    name = StringField("Group name", id="group-name", default="", render_kw={"required": True, "maxlength": 120})


class GroupDaysForm(Form):
    days = StringField(
        "Days",
        id="group-days",
        default="",
        description="0 keeps them forever. If empty, the team’s setting applies.",
        render_kw={"inputmode": "numeric", "autocomplete": "off", "maxlength": 7},
    )


class MemberForm(Form):
    person = PickField("Person", id="group-person", choices=[], validate_choice=False, default="", render_kw={"required": True})
