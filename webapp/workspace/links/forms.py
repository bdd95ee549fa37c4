"""The form of a new link."""

from datetime import timedelta

from wtforms import RadioField, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice

from webapp.base.db import utc_now
from webapp.base.languages import gettext as _
from webapp.settings.service import setting
from webapp.web.forms import Form, options
from webapp.workspace.links.service import FOR_EVER, LinkInput

NEVER = "never"
LIVES = {"1": "In a day", "7": "In 7 days", "30": "In 30 days", "90": "In 90 days", "365": "In a year"}
SHOWS = {
    "files": "Files",
    "reasoning": "Reasoning",
    "calls": "Tool calls",
    "names": "People's names",
}


class LinkForm(Form):
    """What a new link shows, and for how long."""

    live = RadioField(
        "What people see",
        choices=[
            SelectChoice("", "A snapshot: what is here now"),
            SelectChoice("live", "A live page: also what is written later"),
        ],
        default="",
        validate_choice=False,
    )
    shows = SelectMultipleField(
        "Also show",
        choices=options(SHOWS),
        validate_choice=False,
        description="Everyone with the link sees what is checked. Only check what everyone may see.",
    )
    life = SelectField("Expires", default="7", validate_choice=False)

    def offering(self) -> "LinkForm":
        lives = {value: _(words) for value, words in LIVES.items()}
        self.life.choices = options(lives | ({NEVER: _("Never")} if setting(FOR_EVER) else {}))
        return self

    @property
    def entered(self) -> LinkInput:
        typed = self.life.data or ""
        days = int(typed) if typed in LIVES else 7
        ends_at = None if typed == NEVER else utc_now() + timedelta(days=days)
        return LinkInput.entered({"live": bool(self.live.data), "with": self.shows.data or [], "ends_at": ends_at})
