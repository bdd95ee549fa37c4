"""The feature definition of two-factor authentication: its pages, its step of signing in, and its secrets."""

from webapp.people.accounts.second_step import SecondStep
from webapp.people.second_factor import service, views
from webapp.web.feature import Feature

FEATURE = Feature(
    blueprints=("webapp.people.second_factor.views:bp",),
    brings=(
        service.HOLDER,
        SecondStep("/account/two-factor", service.is_on, service.is_missing, views.ask_for_code, service.turn_off),
    ),
    commands={"two-factor": "webapp.people.second_factor.commands:two_factor"},
)
