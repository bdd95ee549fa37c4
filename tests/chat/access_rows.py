"""Who can see the calls of answers, and decide about them; who can tag which chats; who reads and changes texts beside chats."""

from sqlalchemy import update

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import db
from webapp.base.ids import new_id
from webapp.chat.files.tables import BY_HAND, TEXT, ChatFile, StoredFile
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Story, Tag
from webapp.chat.record.tags import folded

TABLE = {
    ("people", ()): """
        GET tags.index signed_in
        GET tags.of_several signed_in
        POST tags.change_several signed_in
        GET api_tags.index api:read
        GET api_chat_search.index api:read
        POST dictation.write signed_in
        POST api_transcriptions.create api:chat
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
        GET texts.index signed_in
        GET api_texts.index api:read
    """,
    ("readers", ("call",)): "GET calls.show anybody",
    ("readers", ("message",)): "GET calls.of_message anybody",
    ("writing people", ("call",)): "POST calls.decide signed_in",
    ("person", ("chat",)): """
        GET calls.tools signed_in
        POST calls.choose signed_in
    """,
    ("writing people", ("chat",)): """
        POST calls.take_back signed_in
        POST dictation.write_in_chat signed_in
        POST api_texts.create api:chat
    """,
    ("writing people", ("message",)): """
        POST calls.decide_limit signed_in
        POST calls.choose_model signed_in
        GET texts.choose signed_in
        POST texts.open signed_in
        GET texts.edit_part signed_in
        POST texts.cancel_part signed_in
        GET drawing.change signed_in
        POST drawing.send signed_in
    """,
    ("reading people", ("text",)): """
        GET texts.show signed_in
        GET texts.changing_now signed_in
        GET texts.versions signed_in
        GET texts.export signed_in
        GET text_previews.show signed_in
        POST text_previews.run signed_in
        GET text_previews.frame signed_in
        GET text_previews.save signed_in
        GET api_texts.show api:read
        GET api_texts.export api:read
    """,
    ("writing people", ("text",)): """
        GET texts.edit signed_in
        POST texts.save signed_in
        POST texts.change signed_in
        POST texts.cancel signed_in
        POST texts.decide signed_in
        POST texts.restore signed_in
        POST texts.delete signed_in
        PATCH api_texts.update api:chat
        DELETE api_texts.delete api:chat
        POST api_texts.change api:chat
        POST api_texts.accept api:chat
        DELETE api_texts.dismiss api:chat
    """,
}


@makes("tag")
def _tag(world: World, state: str) -> str:
    name = f"{CANARY} {new_id()[-8:]}"
    return str(added(Tag(user_id=world.whose(state), name=name, folded=folded(name))).id)


@makes("text")
def _text(world: World, state: str) -> str:
    chat_id, text_id = world.thing("chat", state), new_id()
    # Read from the row, so that no file is needed.
    about = {"kind": TEXT, "media_type": "text/plain", "hash": "0" * 64, "bytes": len(CANARY)}
    file = added(StoredFile(name=f"{CANARY}.csv", text=CANARY, is_sent=True, **about))
    added(ChatFile(chat_id=chat_id, file_id=file.id, text_id=text_id, made_by=BY_HAND))
    return text_id


@makes("fold")
def fold(world: World, state: str) -> str:
    """Creates a fold of the first message of the chat that was made last."""
    first = queries.ids_to(db.session.get_one(Chat, world.last_chat).head_id or "")[0]
    # A transaction that has read can't write any more once another has.
    db.session.commit()
    db.session.execute(update(Chat).where(Chat.id == world.last_chat).values(fold_count=1))
    return added(Story(chat_id=world.last_chat, message_id=first, kind="conversation", number=1, messages=1, text=CANARY)).id
