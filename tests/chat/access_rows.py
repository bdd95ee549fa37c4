"""Who can see the calls of answers, and decide about them; and who can tag which chats."""

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.ids import new_id
from webapp.chat.record.tables import Tag
from webapp.chat.record.tags import folded

TABLE = {
    ("people", ()): """
        GET tags.index signed_in
        GET tags.of_several signed_in
        POST tags.change_several signed_in
        GET api_tags.index api:read
        GET api_chat_search.index api:read
    """,
    ("one's own", ("tag",)): """
        GET tags.edit signed_in
        POST tags.rename signed_in
        POST tags.delete signed_in
        PATCH api_tags.rename api:chat
        DELETE api_tags.delete api:chat
    """,
    ("reading people", ("chat",)): """
        GET tags.of_chat signed_in
        POST tags.change signed_in
        PUT api_chats.put_tags api:chat
    """,
    ("readers", ("call",)): "GET calls.show anybody",
    ("readers", ("message",)): "GET calls.of_message anybody",
    ("writing people", ("call",)): "POST calls.decide signed_in",
    ("writing people", ("message",)): "POST calls.decide_limit signed_in",
    ("person", ("chat",)): """
        GET calls.tools signed_in
        POST calls.choose signed_in
    """,
    ("writing people", ("chat",)): "POST calls.take_back signed_in",
}


@makes("tag")
def _tag(world: World, state: str) -> str:
    name = f"{CANARY} {new_id()[-8:]}"
    return str(added(Tag(user_id=world.whose(state), name=name, folded=folded(name))).id)
