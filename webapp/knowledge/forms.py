"""The forms of collections and documents."""

from wtforms import MultipleFileField, SelectChoice, SelectField, StringField, TextAreaField

from webapp.knowledge import formats
from webapp.knowledge.documents.service import DocumentInput, NewDocumentInput
from webapp.knowledge.service import CollectionInput
from webapp.people.accounts.roles import CLEARANCES
from webapp.web.forms import PLAIN, InputForm
from webapp.web.merging_form import MergingForm

LEVELS = [
    SelectChoice(str(clearance), f"{clearance}, for everyone who has access" if not clearance else str(clearance))
    for clearance in CLEARANCES
]


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
        description="Also finds documents by meaning. Empty: the team's model; “none”: words only.",
        render_kw=PLAIN,
    )


class AddForm(InputForm[NewDocumentInput]):
    """The form for adding files, a URL or pasted text."""

    takes = NewDocumentInput
    file = MultipleFileField(
        "Files",
        id="document-files",
        description=f"{formats.IN_WORDS[0].upper()}{formats.IN_WORDS[1:]}.",
        render_kw={"accept": formats.ACCEPTED, "multiple": True},
    )
    url = StringField(
        "Web address",
        id="document-url",
        description="A single web page, fetched once. To update it, open it here and press Fetch again.",
        render_kw={"type": "url", "placeholder": "https://", "autocomplete": "off"},
    )
    title = StringField("Title", id="document-title")
    text = TextAreaField("Text", id="document-text", render_kw={"rows": 6})
    level = SelectField("Level", id="document-level", choices=LEVELS)


class DocumentForm(InputForm[DocumentInput]):
    takes = DocumentInput
    title = StringField("Title", id="document-title")
    level = SelectField("Level", id="document-level", choices=LEVELS)
