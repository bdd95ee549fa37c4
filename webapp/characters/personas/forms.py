"""The forms of personas."""

from collections.abc import Sequence

from wtforms import BooleanField, FileField, SelectChoice, SelectMultipleField, TextAreaField

from webapp.characters.forms import ProfileForm, text_box
from webapp.characters.lore.tables import Lorebook
from webapp.characters.personas import personas
from webapp.characters.tables import Persona
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import Form


class PersonaFileForm(Form):
    file = FileField(
        "File", description="The backup of SillyTavern's persona management, or its settings.json, up to 2 MB. Without pictures."
    )


class PersonaForm(ProfileForm):
    description = TextAreaField(
        "Who you are",
        default="",
        description="Sent to the model word for word: your name, and what the character should know about you.",
        render_kw={**text_box(6), "required": True},
    )
    is_default = BooleanField("Use it in new chats with characters")
    lorebooks = SelectMultipleField(
        "Lorebooks",
        choices=[],
        validate_choice=False,
        default=(),
        description="Used in all chats with this persona: their entries are sent when their keys come up.",
    )

    @property
    def groups(self) -> list[FieldGroup]:
        return [FieldGroup(self.lorebooks.label.text, [self.lorebooks], is_quiet=True)] if self.lorebooks.choices else []

    @classmethod
    def of(cls, persona: Persona) -> "PersonaForm":
        values = {name: getattr(persona, name) for name in ("name", "description", "is_default")}
        return cls.fresh(**values, lorebooks=persona.lorebook_ids)

    def among(self, lorebooks: Sequence[Lorebook]) -> "PersonaForm":
        """Returns the form with the lorebooks that the person can see as choices."""
        self.lorebooks.choices = [SelectChoice(lorebook.id, lorebook.name) for lorebook in lorebooks]
        return self

    @property
    def entered(self) -> personas.PersonaInput:
        name, description = self.name.data or "", self.description.data or ""
        return personas.PersonaInput(
            name, description, self.picture, bool(self.is_default.data), lorebook_ids=self.lorebooks.data or ()
        )
