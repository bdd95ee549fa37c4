"""The forms for becoming the owner and for signing in."""

from wtforms import EmailField, HiddenField, PasswordField, StringField, SubmitField

from webapp.accounts.passwords import LEAST
from webapp.web.forms import Form


class SetupForm(Form):
    from_address = ("token",)
    token = HiddenField(default="")
    email = EmailField("Email", default="", render_kw={"autocomplete": "username", "required": True, "maxlength": 254})
    name = StringField("Name", default="", render_kw={"autocomplete": "name", "required": True, "maxlength": 120})
    password = PasswordField(
        "Password",
        default="",
        description=f"At least {LEAST} characters. A few words that only you would put together are best.",
        render_kw={"autocomplete": "new-password", "required": True, "minlength": LEAST},
    )
    submit = SubmitField("Create owner")


class SignInForm(Form):
    from_address = ("next",)
    next = HiddenField(default="")
    email = EmailField("Email", default="", render_kw={"autocomplete": "username", "required": True})
    password = PasswordField("Password", default="", render_kw={"autocomplete": "current-password", "required": True})
    submit = SubmitField("Sign in")
