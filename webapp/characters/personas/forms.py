"""The forms of personas."""

from collections.abc import Sequence

from wtforms import BooleanField, FileField, SelectChoice, SelectMultipleField, TextAreaField

from webapp.characters.forms import ProfileForm, text_box
from webapp.characters.lore.tables import Lorebook
from webapp.characters.personas.service import PersonaInput
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import Form, InputForm


class PersonaFileForm(Form):
    file = FileField(
        "File", description="The backup of SillyTavern's persona management, or its settings.json, up to 2 MB. Without pictures."
    )


class PersonaForm(InputForm[PersonaInput], ProfileForm):
    takes = PersonaInput
    renamed = {"lorebook_ids": "lorebooks"}
    description = TextAreaField(
        "Who you are",
        description="Sent to the model word for word: your name, and what the character should know about you.",
        render_kw=text_box(6),
    )
    is_default = BooleanField("Use in new chats with characters")
    lorebooks = SelectMultipleField(
        "Lorebooks",
        choices=[],
        default=(),
        description="Used in all chats with this persona: their entries are sent when their keys come up.",
    )

    @property
    def groups(self) -> list[FieldGroup]:
        return [FieldGroup(self.lorebooks.label.text, [self.lorebooks], is_quiet=True)] if self.lorebooks.choices else []

    def among(self, lorebooks: Sequence[Lorebook]) -> "PersonaForm":
        """Returns the form with the lorebooks that the person can see as choices."""
        self.lorebooks.choices = [SelectChoice(lorebook.id, lorebook.name) for lorebook in lorebooks]
        return self
