"""The part of a plan's form that all types have: which model writes it."""

from typing import Self

from webapp.accounts.guards import user_or_none
from webapp.connections import candidates
from webapp.connections.models import providers
from webapp.web.forms import Form
from webapp.web.picks import PickField


class ModelForm(Form):
    model = PickField("Model", id="plan-model", choices=[], validate_choice=False, default="")

    @classmethod
    def offering(cls, *, is_sent: bool = False) -> Self:
        """The form as it was sent, or with the model that would be asked."""
        me = user_or_none()
        form = cls.opened() if is_sent else cls.fresh(model=providers().default(me.default_model if me else ""))
        form.model.offering(candidates.models)
        return form
