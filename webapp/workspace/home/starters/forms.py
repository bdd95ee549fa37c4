"""The forms of the home page's cards: what admins enter for one, and what a person begins with it."""

from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from webapp.base.ids import new_id
from webapp.chat.messages.forms import MessageForm
from webapp.web.forms import InputForm
from webapp.workspace.home.starters.service import ICONS, StarterInput


class StarterForm(InputForm[StarterInput]):
    """What a card shows and opens."""

    takes = StarterInput
    words = StringField("Words", render_kw={"autocomplete": "off", "dir": "auto"})
    hint = StringField("Hint", description="A few words below the title.", render_kw={"autocomplete": "off", "dir": "auto"})
    icon = RadioField("Icon", choices=[SelectChoice(name, name) for name in ICONS])
    opens = SelectField("Opens", choices=[], validate_choice=False)
    text = TextAreaField(
        "Its prompt",
        description=(
            "{{what_it_is_about}} becomes a field, {{tone: calm|brief}} a choice, {{details: long}} a large field, {{day: date}} "
            "a date. A paragraph is left out if its fields are empty."
        ),
        render_kw={"rows": 10, "dir": "auto"},
    )
    takes_files = BooleanField("Request a file")
    is_shown = BooleanField("Show it on the home page")


class BeginForm(MessageForm):
    """What a person begins; with `edit`, the text goes to the composer instead of being sent."""

    edit = StringField()

    @classmethod
    def first(cls) -> "BeginForm":
        return cls.fresh(key=new_id())
