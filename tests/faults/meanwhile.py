"""Actions on a chat, and on stored keys, while answers are written: faults 26 and 37."""

from typing import Any

from tests.faults.scene import TOKENS, Scene
from tests.support.waiting import until
from tests.upstream.handle import KEY

# Slow, but within the timeouts of the scene.
SLOW: dict[str, Any] = {"counted": TOKENS, "pace": 0.9}
LEFT = "SELECT count(*) FROM messages WHERE chat_id = ?"
QUESTION = "SELECT id FROM messages WHERE chat_id = ? AND role = 'user'"
CIPHERTEXT = "SELECT key_ciphertext FROM connections WHERE slug = ?"
TAMPER = "UPDATE connections SET key_ciphertext = ? WHERE slug = ?"
UNREADABLE = "cannot be read with this ENCRYPTION_KEY"


def refused(scene: Scene) -> None:
    """Editing the question and trying again are refused, at each server, while the answer is written."""
    chat_id = scene.hit.path.rpartition("/")[2]
    [(question_id,)] = scene.installation.one.rows(QUESTION, chat_id)
    for person in (scene.installation.here, scene.installation.there):
        assert person.post(f"/messages/{question_id}/edit", message="In other words").status == 409
        assert person.post(f"/messages/{scene.hit.message_id}/again").status == 409
    assert scene.status(scene.hit) == "running"


def thrown_away(scene: Scene) -> None:
    """Deletes the chat at the other server: its answer is stopped, and restoring the chat restores the text so far."""
    person = scene.installation.here
    assert person.post(f"{scene.hit.path}/delete").status == 303
    assert person.get(scene.hit.path).status == 404
    until(lambda: scene.status(scene.hit) != "running", "the answer has an end")
    assert person.post(f"{scene.hit.path}/restore").status == 303


def erased(scene: Scene) -> None:
    """Erases another chat while it is answered; nothing is written to it afterwards."""
    scene.fake.beside(f"{scene.question} erased", SLOW)
    path = scene.installation.there.begin(f"{scene.question} erased")
    until(lambda: scene.installation.here.last_answer(path).status == "responding", "it is answered")
    assert scene.installation.here.post(f"{path}/delete").status == 303
    until(lambda: scene.installation.here.post(f"{path}/erase").status != 409, "it is not busy any more")
    chat_id = path.rpartition("/")[2]
    until(lambda: scene.installation.one.rows(LEFT, chat_id) == [(0,)], "nothing is left of it")


def key_tampered(scene: Scene) -> None:
    """Tampers with the stored key: the running answer continues, and the next request is refused.

    The refusal asks the person to enter the key again, and the stored key is not replaced.
    """
    slug, there = f"c{scene.question[-12:]}", scene.installation.there
    assert there.post("/admin/connections", kind="openai", anyway="y", **_entered(scene, slug)).status == 303
    scene.ask(model=f"{slug}:some/model")
    scene.seen()
    tampered = _tamper(scene, slug)
    # A connection's page reads the connection from the database, not from the cache.
    assert UNREADABLE in there.page(f"/admin/connections/{slug}").text
    again = {"message": f"{scene.question} again", "key": f"{scene.question}-again", "model": f"{slug}:some/model"}
    refusal = there.post("/chats", **again)
    assert refusal.status == 409
    assert UNREADABLE in refusal.text
    assert scene.installation.one.rows(CIPHERTEXT, slug) == [(tampered,)]
    assert there.post(f"/admin/connections/{slug}", **_entered(scene, slug)).status == 303
    assert there.post("/chats", **again).status == 303


def _entered(scene: Scene, slug: str) -> dict[str, str]:
    return {"name": slug, "base_url": scene.fake.base_url, "key": KEY, "default_model": "some/model"}


def _tamper(scene: Scene, slug: str) -> str:
    [(ciphertext,)] = scene.installation.one.rows(CIPHERTEXT, slug)
    half = len(ciphertext) // 2
    tampered = ciphertext[:half] + ("A" if ciphertext[half] != "A" else "B") + ciphertext[half + 1 :]
    scene.installation.one.change(TAMPER, tampered, slug)
    return str(tampered)
