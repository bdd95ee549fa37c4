"""Who can open the home page's cards, and change them."""

from tests.attacks.world import World, makes

TABLE = {
    ("any name", ("starter",)): """
        GET starters.show signed_in
        POST starters.begin signed_in
    """,
    ("admins", ()): "GET starters.index admin_only",
    ("looked after", ("starter",)): """
        GET starters.edit admin_only
        POST starters.update admin_only
        POST starters.reset admin_only
    """,
}


@makes("starter")
def starter(_world: World, _state: str) -> str:
    return "1"
