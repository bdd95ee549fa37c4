"""The form that renames a chat."""

from wtforms import StringField

from webapp.web.forms import Form


class TitleForm(Form):
    title = StringField("Title")
