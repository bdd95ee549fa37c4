"""Who can access rules, and how one is created for each attempt."""

from tests.attacks.world import World, makes
from webapp.base.audit import COMMAND_LINE
from webapp.models.rules.rules import ModelRule
from webapp.models.rules.service import SETTING
from webapp.settings.service import set_settings

TABLE = {
    ("admins", ()): """
        GET model_rules.index admin_only
        POST model_rules.create admin_only
        POST model_rules.try_out admin_only
        GET api_model_rules.index api:admin
        PUT api_model_rules.replace api:admin
    """,
    ("looked after", ("rule",)): """
        GET model_rules.edit admin_only
        POST model_rules.update admin_only
        POST model_rules.move admin_only
    """,
}


@makes("rule")
def rule(_world: World, _state: str) -> str:
    set_settings({SETTING: ModelRule("canary0001", "some/model").as_text()}, author=COMMAND_LINE)
    return "canary0001"
