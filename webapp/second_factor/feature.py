"""The feature definition of two-factor authentication: its pages, its step of signing in, and its secrets."""

from webapp.accounts.second_step import SecondStep
from webapp.feature import Feature
from webapp.second_factor import access, service, views

FEATURE = Feature(
    blueprints=(views.bp,),
    brings=(service.HOLDER, SecondStep("/account/two-factor", service.is_on, service.is_missing, access.ask, service.turn_off)),
    commands={"two-factor": "webapp.second_factor.commands:two_factor"},
)
