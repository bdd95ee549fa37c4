"""The forms of experiments: a share for each version, and what counts as success."""

from collections.abc import Iterable
from typing import Any, Self

from flask import request
from wtforms import SelectField, StringField

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.operations.experiments.card import OUTCOMES
from webapp.operations.experiments.service import ExperimentInput, ShareInput
from webapp.prompts.queries import Version
from webapp.prompts.tables import A_B_TEST, BEST_PERFORMANCE
from webapp.web.forms import PLAIN, Form, InputForm, options

METHODS = {
    A_B_TEST: "In fixed shares: each person always gets the same version",
    BEST_PERFORMANCE: "Favor the better one over time: each chat keeps its version",
}
SHARE = "share-"


class SharesForm(Form):
    """How the versions are given out: the shares as typed, by version."""

    strategy = SelectField("Assign versions", choices=options(METHODS))
    # Named like the field of the errors.
    weights = StringField("Shares, in percent", default="")
    shares: dict[int, str]

    @classmethod
    def sent(cls) -> Self:
        form = cls.opened()
        typed = ((name.removeprefix(SHARE), text.strip()) for name, text in request.form.items() if name.startswith(SHARE))
        form.shares = {int(number): text for number, text in typed if number.isdecimal() and len(number) < 6}
        return form

    def with_shares(self, shares: dict[int, str]) -> Self:
        self.shares = shares
        return self

    @property
    def shared(self) -> dict[int, float]:
        """The shares of the versions that have one."""
        return {version: _share(text) for version, text in self.shares.items() if text and text.strip("0.,")}


class ArmSharesForm(InputForm[ShareInput], SharesForm):
    """Other shares for a running experiment."""

    takes = ShareInput
    renamed = {"method": "strategy"}

    @property
    def values(self) -> dict[str, Any]:
        return super().values | {"weights": self.shared}


class ExperimentForm(InputForm[ExperimentInput], SharesForm):
    """An experiment being started."""

    takes = ExperimentInput
    renamed = {"method": "strategy"}
    control = SelectField("Compare with", default="", validate_choice=False, description="The version in use now.")
    outcome = SelectField(
        "What counts as success",
        choices=options({name: outcome.label for name, outcome in OUTCOMES.items()}),
    )
    min_samples = StringField(
        "First answers of each version",
        description="Only if the better one is used more often: the versions take turns until each has this many.",
        render_kw={**PLAIN, "inputmode": "numeric", "maxlength": 6},
    )

    @classmethod
    def beginning(cls, versions: Iterable[Version], used: int) -> Self:
        """Returns a form with the version in use and the newest other one, half each."""
        numbers = [version.number for version in versions]
        other = next((number for number in numbers if number != used), None)
        return cls.fresh(control=f"{used}").with_shares({number: "50" if number in (used, other) else "" for number in numbers})

    def with_choices(self, versions: Iterable[Version]) -> Self:
        self.control.choices = options(
            {f"{version.number}": _("Version %(number)s", number=version.number) for version in versions}
        )
        return self

    @property
    def values(self) -> dict[str, Any]:
        shared = self.shared
        first = next((version for version in shared if f"{version}" == self.control.data), None)
        if first is None:
            raise Invalid("Give a share to the version that the others are compared with.", field="weights")
        return super().values | {"weights": {first: shared[first], **dict(sorted(shared.items()))}}


def _share(text: str) -> float:
    try:
        return float(text.replace(",", ".").removesuffix("%")) if len(text) < 12 else -1.0
    except ValueError as error:
        raise Invalid("Enter shares as numbers, such as 50.", field="weights") from error
