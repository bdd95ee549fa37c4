"""The form of the story so far."""

from wtforms import StringField, TextAreaField

from webapp.chat.prompt.path_story import MOST_CHARS, PathStory
from webapp.web.forms import Form


class StoryForm(Form):
    # Each field has an explicit id, because the form is on the same page as the composer.
    text = TextAreaField(
        "What came before", id="story-text", default="", render_kw={"rows": 8, "maxlength": MOST_CHARS, "dir": "auto"}
    )
    # The mark of the story that was shown, to detect a concurrent change.
    was = StringField("was", default="")

    @classmethod
    def of(cls, found: PathStory | None) -> "StoryForm":
        return cls.fresh(text=found.text if found else "", was=found.mark if found else "")

    def is_changed(self, found: PathStory | None) -> bool:
        """Returns whether the submitted text differs from the stored one."""
        typed = (self.text.data or "").replace("\r\n", "\n").strip()
        return typed != (found.text if found else "")
