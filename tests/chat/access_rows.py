"""Who can see the calls of answers and decide about them, and how one is created for each attempt."""

from tests.attacks.world import CANARY, World, added, makes
from webapp.tools.tables import Call

TABLE = {
    ("readers", ("call",)): "GET calls.show anybody",
    ("readers", ("message",)): "GET calls.of_message anybody",
    ("writing people", ("call",)): """
        POST calls.decide signed_in
        POST api_tools.decide api:chat
    """,
    ("person", ("chat",)): """
        GET calls.tools signed_in
        POST calls.choose signed_in
    """,
    ("writing people", ("chat",)): "POST calls.take_back signed_in",
    ("reading people", ("call",)): "GET api_tools.show api:read",
}


@makes("call")
def _call(world: World, state: str) -> str:
    values = {"tool": "ask_person", "title": CANARY, "arguments": "{}", "state": "waiting", "policy": "allow"}
    call = Call(message_id=world.thing("answer", state), round=1, number=1, upstream_id="c", **values)
    return added(call).id
