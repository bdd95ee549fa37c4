"""The form for the cast of a group and the order in which they speak."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import request
from wtforms import SelectField, SelectMultipleField

from webapp.characters.shown import Face
from webapp.characters.tables import Persona
from webapp.chat.group.turns import MENTION, MOST_CAST, ORDERS
from webapp.chat.record.tables import Chat
from webapp.web.forms import Form, options


@dataclass(frozen=True, slots=True)
class Offered:
    """A character that can be chosen; `place` is its position as typed in the form."""

    id: str
    face: Face
    is_chosen: bool
    place: str
    is_deleted: bool = False


class CastForm(Form):
    character_ids = SelectMultipleField("Characters", id="cast", choices=[], validate_choice=False, default=())
    turn_order = SelectField("Who speaks next", id="cast-order", choices=options(ORDERS), validate_choice=False, default=MENTION)
    persona = SelectField("Persona", id="cast-persona", choices=[], validate_choice=False, default="")

    @classmethod
    def of(cls, chat: Chat) -> "CastForm":
        return cls.fresh(character_ids=chat.cast_ids, turn_order=chat.turn_order or MENTION)

    def among(self, personas: Sequence[Persona]) -> "CastForm":
        """Fills in the available personas."""
        self.persona.choices = options({"": "None", **{each.id: each.name for each in personas}})
        return self

    @property
    def ids(self) -> list[str]:
        """The chosen characters, sorted by the positions typed; those without one come last."""
        return sorted(self.character_ids.data or (), key=lambda id: int(number) if (number := _typed(id)).isdecimal() else 1_000)

    def offered(self, faces: Mapping[str, Face], present: Sequence[str] = (), deleted: Sequence[str] = ()) -> list[Offered]:
        """Returns all characters that can be chosen, those in the chat first."""
        chosen, was_sent = set(self.character_ids.data or ()), self.is_submitted()
        places = {id: str(number) for number, id in enumerate(present, 1)} if len(present) > 1 else {}
        return [
            Offered(id, faces[id], id in chosen, _typed(id) if was_sent else places.get(id, ""), id in deleted)
            for id in dict.fromkeys([*present, *faces])
            if id in faces
        ]


def _typed(id: str) -> str:
    return request.form.get(f"place-{id}", "")[: len(str(MOST_CAST))]
