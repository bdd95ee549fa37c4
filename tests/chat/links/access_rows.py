"""Who can create links to chats and revoke them, and who can open one."""

from datetime import timedelta

from sqlalchemy import select

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import db, utc_now
from webapp.base.ids import new_id
from webapp.chat.files.tables import ChatFile
from webapp.chat.record.tables import Message
from webapp.people.accounts.queries import hashed
from webapp.settings.secrets.encryption import the_encryption
from webapp.workspace.links.pages import file_name
from webapp.workspace.links.service import PURPOSE
from webapp.workspace.links.tables import Link

TABLE = {
    ("people", ()): "GET links.index signed_in",
    ("admins", ()): "GET links.everyones admin_only",
    ("person, but no guest", ("chat",)): """
        GET links.of_chat signed_in
        POST links.create signed_in
        POST api_links.create api:chat
    """,
    ("person, but no guest", ("answer",)): """
        GET links.of_answer signed_in
        POST links.create_for_answer signed_in
    """,
    ("person", ("chat",)): "GET api_links.index api:read",
    ("link's maker", ("link",)): "POST links.revoke signed_in",
    ("one's own", ("link",)): "DELETE api_links.delete api:chat",
    ("open link", ("link token",)): "GET shared.show anybody",
    ("link or not", ("link token",)): "GET shared.events anybody",
    ("open link", ("token of a link to a drawing",)): """
        POST shared.run anybody
        GET shared.frame anybody
        GET shared.save anybody
    """,
    ("person, but no guest", ("text",)): """
        GET texts.links signed_in
        POST texts.publish signed_in
    """,
    ("open link", ("token of a link to an answer with a drawing", "place of a message", "number of a block")): """
        GET shared_blocks.show anybody
        POST shared_blocks.run anybody
        GET shared_blocks.draw anybody
        GET shared_blocks.frame anybody
        GET shared_blocks.save anybody
    """,
    ("open link", ("token of a link with a file", "file of a link")): "GET shared.file anybody",
    ("any name", ("link token",)): """
        GET shared.confirm signed_in
        POST shared.go_on signed_in
    """,
}


LAST_FILE = dict[World, str]()


def made(world: World, state: str, token: str) -> Link:
    id, owner_id = new_id(), world.whose(state) if state != "there" else world.other
    answer = db.session.get_one(Message, world.thing("answer", "own" if owner_id == world.me else "foreign"))
    about = {"chat_id": answer.chat_id, "owner_id": owner_id, "head_id": answer.id, "token_hash": hashed(token)}
    ciphertext = the_encryption().encrypt_api_key(token, owner=id, purpose=PURPOSE)
    return added(Link(id=id, ciphertext=ciphertext, ends_at=utc_now() + timedelta(days=1), **about))


@makes("link")
def link(world: World, state: str) -> str:
    return made(world, state, new_id()).id


@makes("link token")
def link_token(world: World, _state: str) -> str:
    token = new_id()
    made(world, "there", token)
    return token


@makes("token of a link to a drawing")
def token_of_link_to_drawing(world: World, _state: str) -> str:
    token = token_of_link_to_answer_with_drawing(world, "there")
    link = db.session.scalars(select(Link).where(Link.token_hash == hashed(token))).one()
    link.block, link.title = 0, CANARY
    db.session.commit()
    return token


@makes("token of a link to an answer with a drawing")
def token_of_link_to_answer_with_drawing(world: World, _state: str) -> str:
    token = new_id()
    link = made(world, "there", token)
    content = "```svg\n<svg></svg>\n```\n"
    link.is_answer, link.extent = True, {link.head_id: [len(content), 0, 0, 0]}
    db.session.get_one(Message, link.head_id).content = content
    db.session.commit()
    return token


@makes("place of a message")
def place_of_message(_world: World, _state: str) -> str:
    return "2"


@makes("number of a block")
def number_of_block(_world: World, _state: str) -> str:
    return "0"


@makes("token of a link with a file")
def token_of_link_with_file(world: World, _state: str) -> str:
    token, file_id = new_id(), world.thing("sent file", "foreign")
    link = made(world, "there", token)
    link.shows = ["files"]
    question = db.session.get_one(Message, db.session.get_one(Message, link.head_id).parent_id)
    question.content = f"{CANARY}\n\n![{CANARY}](/files/{file_id})"
    added(ChatFile(chat_id=link.chat_id, file_id=file_id))
    LAST_FILE[world] = file_name(token, file_id)
    return token


@makes("file of a link")
def file_of_link(world: World, _state: str) -> str:
    return LAST_FILE.get(world, "nothing")
