"""The forms of collections and documents."""

from wtforms import MultipleFileField, SelectChoice, SelectField, StringField, TextAreaField

from webapp.base.errors import Invalid
from webapp.knowledge import formats
from webapp.knowledge.service import CollectionInput
from webapp.knowledge.tables import Document
from webapp.people.accounts.roles import CLEARANCES
from webapp.people.grants import shares_shown
from webapp.web.forms import PLAIN, Form, InputForm
from webapp.web.merging_form import MergingForm

LEVELS = [
    SelectChoice(str(clearance), f"{clearance}, for everyone who has access" if not clearance else str(clearance))
    for clearance in CLEARANCES
]
RIGHTS = (("read", "read"), ("write", "read and write"))


class CollectionForm(InputForm[CollectionInput], MergingForm):
    takes = CollectionInput
    name = StringField("Name", id="collection-name")
    about = TextAreaField("Description", id="collection-about", render_kw={"rows": 2})
    level = SelectField(
        "Level",
        id="collection-level",
        choices=LEVELS,
        description="People you share it with also need at least this clearance.",
    )
    embedding_model = StringField(
        "Embedding model",
        id="collection-embedding-model",
        description="With one, documents are also found by meaning. Empty: the team's model; “none”: words only.",
        render_kw=PLAIN,
    )


class AddForm(Form):
    """The form for adding files, a URL or pasted text."""

    file = MultipleFileField(
        "Files",
        id="document-files",
        description=f"{formats.IN_WORDS[0].upper()}{formats.IN_WORDS[1:]}.",
        render_kw={"accept": formats.ACCEPTED, "multiple": True},
    )
    url = StringField(
        "Web address",
        id="document-url",
        default="",
        description="One page of the web, fetched once. To update it, open it here and press Fetch again.",
        render_kw={"type": "url", "maxlength": 2_000, "placeholder": "https://", "autocomplete": "off"},
    )
    title = StringField("Title", id="document-title", default="", render_kw={"maxlength": 200})
    text = TextAreaField("Text", id="document-text", default="", render_kw={"rows": 6})
    level = SelectField("Level", id="document-level", choices=LEVELS, default="0")


class DocumentForm(Form):
    title = StringField("Title", id="document-title", default="", render_kw={"required": True, "maxlength": 200})
    level = SelectField("Level", id="document-level", choices=LEVELS, default="0")

    @classmethod
    def of(cls, document: Document) -> "DocumentForm":
        return cls.fresh(title=document.title, level=str(document.level))


class ShareForm(shares_shown.ShareForm):
    right = SelectField(
        "Access", id="share-right", choices=[SelectChoice(name, f"can {words}") for name, words in RIGHTS], default="read"
    )


def chosen_level(text: str | None) -> int:
    if not text or text not in "".join(map(str, CLEARANCES)) or len(text) > 1:
        raise Invalid("A level is a number from 0 to 3.", field="level")
    return int(text)
