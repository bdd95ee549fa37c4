"""The forms of rules: one rule, and what would be chosen."""

from wtforms import BooleanField, IntegerField, SelectField, StringField

from webapp.base.languages import gettext as _
from webapp.models.connections.models import candidates
from webapp.models.rules.rules import KINDS, ModelRuleInput
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import Form, InputForm, options
from webapp.web.pick_field import PickField

PICTURES = {"any": "With or without pictures", "with": "Only with pictures", "without": "Only without pictures"}
HOURS = {str(hour): f"{hour}:00" for hour in range(24)}
WHOLE = {"inputmode": "numeric", "autocomplete": "off"}


def _kinds(every: str) -> dict[str, str]:
    return {"": every, **{kind: words[0].upper() + words[1:] for kind, words in KINDS.items()}}


class ModelRuleForm(InputForm[ModelRuleInput]):
    takes = ModelRuleInput
    kind = SelectField("Purpose", choices=options(_kinds("Everything")))
    least_chars = StringField("At least, in characters", description="Of the message. 0 for any length.", render_kw=WHOLE)
    most_chars = StringField("At most, in characters", description="0 for no limit.", render_kw=WHOLE)
    pictures = SelectField("Pictures", choices=options(PICTURES))
    group_id = SelectField("People in", choices=[])
    from_hour = SelectField("From", choices=options(HOURS), default="0")
    to_hour = SelectField(
        "To",
        choices=options({**HOURS, "24": "24:00"}),
        default="0",
        description="In the team's time zone. Same start and end: all day.",
    )
    model = PickField("Model", choices=[], validate_choice=False)
    overrules = BooleanField("Also where a person has chosen another model")

    def offering(self, groups: dict[str, str]) -> "ModelRuleForm":
        self.group_id.choices = options({"": _("Everyone"), **groups})
        self.model.offering(candidates)
        return self

    @property
    def values(self) -> dict[str, object]:
        return super().values | {"model": self.model.chosen}

    @property
    def finer(self) -> FieldGroup:
        names = ("least_chars", "most_chars", "pictures", "group_id", "from_hour", "to_hour")
        return FieldGroup(_("Only when"), [self[name] for name in names])


class RuleTryForm(Form):
    """An occasion to try the rules with."""

    kind = SelectField("Purpose", id="try-kind", choices=options(_kinds("")), default="chat")
    chars = IntegerField("Characters", default=100, render_kw=WHOLE)
    has_pictures = BooleanField("With pictures")
    is_chosen = BooleanField("A person has chosen another model")
    group_id = SelectField("A person in", id="try-group", choices=[])
    hour = SelectField("At", choices=options(HOURS), default="12")
