"""The forms for the password and the test."""

from wtforms import EmailField, PasswordField

from webapp.web.forms import PLAIN, Form


class PasswordForm(Form):
    password = PasswordField("Password", render_kw={"autocomplete": "new-password", "required": True, "maxlength": 500})


class TestForm(Form):
    # Keeps pytest from collecting it as a test.
    __test__ = False

    to = EmailField("Send to", render_kw={**PLAIN, "required": True, "maxlength": 254})
