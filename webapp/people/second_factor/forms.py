"""The forms of two-factor authentication."""

from wtforms import StringField

from webapp.people.accounts.forms import PRESENT_PASSWORD, OwnPassword
from webapp.web.forms import PLAIN, Form

CODE = PLAIN | {"autocomplete": "one-time-code", "inputmode": "numeric", "required": True, "maxlength": 40}
ANY_CODE = CODE | {"inputmode": "text"}


class CodeForm(Form):
    """The second step of signing in."""

    code = StringField(
        "Code",
        default="",
        description="The 6 digits your authenticator app shows, or one of your recovery codes.",
        render_kw=ANY_CODE,
    )


class StartForm(Form):
    password = OwnPassword("Your password", id="start-password", default="", render_kw=PRESENT_PASSWORD)


class ConfirmForm(Form):
    code = StringField("Code from the app", id="confirm-code", default="", render_kw=CODE)


class RenewForm(Form):
    password = OwnPassword("Your password", id="renew-password", default="", render_kw=PRESENT_PASSWORD)


class EndForm(Form):
    password = OwnPassword("Your password", id="end-password", default="", render_kw=PRESENT_PASSWORD)
    code = StringField("Code", id="end-code", default="", description="From the app, or a recovery code.", render_kw=ANY_CODE)
