"""Who can access the text scripts of characters, and how these are created for each attempt."""

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import db
from webapp.characters.tables import Character, CharacterPicture
from webapp.chat.record.tables import Chat

SCRIPTS = [{"scriptName": CANARY, "findRegex": f"/{CANARY}/", "replaceString": CANARY, "placement": [2]}]
TABLE = {
    ("one's own", ("character with a script",)): """
        GET scripts.blank signed_in
        POST scripts.add signed_in
        GET api_characters.scripts api:read
        PUT api_characters.put_scripts api:chat
    """,
    ("one's own", ("character with a script", "place of a script")): """
        GET scripts.edit signed_in
        POST scripts.update signed_in
        POST scripts.move_up signed_in
        POST scripts.delete signed_in
    """,
}


@makes("character with a script")
def character_with_a_script(world: World, state: str) -> str:
    about = {"name": CANARY, "description": CANARY, "card": {"extensions": {"regex_scripts": SCRIPTS}}}
    return str(added(Character(owner_id=world.whose(state), **about)).id)


@makes("character with a background")
def character_with_a_background(world: World, state: str) -> str:
    character = added(Character(owner_id=world.whose(state), name=CANARY, description=CANARY))
    world.last_scene = _background(character.id)
    return str(character.id)


@makes("chat with a background")
def chat_with_a_background(world: World, state: str) -> str:
    chat = world.thing("chat with a face", state)
    world.last_scene = _background(db.session.get_one(Chat, chat).character_id or "")
    return chat


@makes("scene")
def scene(world: World, _state: str) -> str:
    return world.last_scene


def _background(character_id: str) -> str:
    about = {"purpose": "background", "name": "", "media_type": "image/webp", "content": CANARY.encode()}
    return str(added(CharacterPicture(character_id=character_id, **about)).id)


@makes("place of a script")
def place_of_a_script(_world: World, _state: str) -> str:
    return "0"
