"""The form field for a plan's model, which all plan types have."""

from typing import Self

from webapp.models.connections.models import candidates, providers
from webapp.people.accounts.guards import user_or_none
from webapp.web.forms import Form
from webapp.web.pick_field import PickField


class ModelForm(Form):
    model = PickField("Model", id="plan-model", choices=[], validate_choice=False, default="")

    @classmethod
    def offering(cls, *, is_sent: bool = False) -> Self:
        """Returns the form as submitted, or with the person's default model."""
        me = user_or_none()
        form = cls.opened() if is_sent else cls.fresh(model=providers().default(me.default_model if me else ""))
        form.model.offering(candidates)
        return form
