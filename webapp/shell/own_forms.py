"""The form of a person's preferences."""

from wtforms import BooleanField, SelectField, TextAreaField

from webapp.people.preferences import DENSITIES, MOST_CHARS, SEND_KEYS, SPEECH, TEXT_SIZES, THEMES
from webapp.web.forms import Form, options
from webapp.web.pick_field import PickField


class PreferencesForm(Form):
    theme = SelectField("Theme", choices=options(THEMES), validate_choice=False)
    text_size = SelectField("Text size", choices=options(TEXT_SIZES), validate_choice=False, default="")
    density = SelectField("Density", choices=options(DENSITIES), validate_choice=False, default="")
    speech = SelectField("Quoted speech of characters", choices=options(SPEECH), validate_choice=False, default="")
    default_model = PickField("Model for new chats", choices=[], validate_choice=False)
    send_key = SelectField(
        "Send messages with",
        choices=options(SEND_KEYS),
        validate_choice=False,
        default="enter",
        description="The other one makes a new line. On a phone, Enter always makes a new line.",
    )
    remembers = BooleanField("Conversation memory: let new chats quote answers of my earlier chats")
    is_reading_counted = BooleanField("Count how long I look at answers")
    instructions = TextAreaField(
        "Custom instructions",
        default="",
        description=f"Included in every chat, up to {MOST_CHARS:,} characters: who you are, and how you want answers.",
        render_kw={"rows": 6, "dir": "auto"},
    )
