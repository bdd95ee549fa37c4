"""Who can see, change and run schedules."""

from tests.attacks.world import CANARY, World, added, makes
from webapp.operations.schedules.tables import Schedule

TABLE = {
    ("people", ()): """
        GET schedules.index signed_in
        GET schedules.new signed_in
        POST schedules.create signed_in
        POST schedules.preview signed_in
        GET api_schedules.index api:read
        POST api_schedules.create api:chat
    """,
    ("one's own", ("schedule",)): """
        GET schedules.show signed_in
        GET schedules.edit signed_in
        POST schedules.update signed_in
        POST schedules.run signed_in
        POST schedules.pause signed_in
        POST schedules.go_on signed_in
        POST schedules.delete signed_in
        GET api_schedules.show api:read
        GET api_schedules.runs api:read
        PATCH api_schedules.change api:chat
        POST api_schedules.pause api:chat
        POST api_schedules.go_on api:chat
        POST api_schedules.run api:chat
        DELETE api_schedules.delete api:chat
    """,
}


@makes("schedule")
def schedule(world: World, state: str) -> str:
    about = {"title": CANARY, "prompt": CANARY, "rule": {"every": "day", "at": "08:00"}, "time_zone": "UTC"}
    return added(Schedule(owner_id=world.whose(state), **about)).id
