"""Who can access notices, and how a channel is created for each attempt."""

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.ids import new_id
from webapp.people.notices.tables import NoticeChannel

TABLE = {
    ("people", ()): """
        GET notices.index signed_in
        POST notices.update signed_in
        POST notices.add_device signed_in
        POST notices.add_email signed_in
        POST notices.set_webhook signed_in
        GET api_notices.devices api:read
        POST api_notices.add_device api:chat
        GET api_notices.show api:read
        PATCH api_notices.change api:chat
    """,
    ("one's own", ("notice channel",)): """
        GET notices.show signed_in
        POST notices.change signed_in
        POST notices.test signed_in
        POST notices.renew_secret signed_in
        POST notices.remove signed_in
        PATCH api_notices.change_device api:chat
        DELETE api_notices.delete_device api:chat
    """,
}


@makes("notice channel")
def notice_channel(world: World, state: str) -> str:
    """Adds a device of the person or of another; nothing listens at its address."""
    about = {"way": "push", "name": CANARY, "address": "https://127.0.0.1:9/push", "identity": new_id()}
    return str(added(NoticeChannel(user_id=world.whose(state), **about)).id)
