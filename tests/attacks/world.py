"""All people and objects that a request can involve, inserted into the database, new for each request."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from tests.attacks.people import SIGNED_IN
from tests.support.browser import Browser
from webapp.base.db import Base, db, utc_now
from webapp.base.ids import new_id, new_secret
from webapp.characters.tables import Avatar, Character, Persona
from webapp.chat.files import storage
from webapp.chat.files.tables import StoredFile
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.models.connections.tables import Connection
from webapp.operations.budgets.tables import Budget
from webapp.operations.experiments.tryouts import Tryout, TryoutAnswer
from webapp.people.accounts import service as accounts
from webapp.people.accounts.queries import hashed
from webapp.people.accounts.tables import ApiToken, Grant, Group, Invite, User, UserSession
from webapp.plans.tables import Plan, PlanInputs
from webapp.plans.types import service as plan_type_service
from webapp.prompts.tables import Experiment, ExperimentArm, Prompt, PromptVersion
from webapp.tools.tables import Call

# Tables that change when a page is viewed, or that record refused requests.
LEFT_OUT = {"audit_entries", "user_sessions"}
CANARY = "words that are nobody else's"
RIGHTS = {"to read": "view", "to write": "write"}


# The functions that create an object of each kind in a given state, registered by the features.
MADE: dict[str, "Maker"] = {}


def makes(kind: str) -> Callable[["Maker"], "Maker"]:
    """Registers a function that creates an object of this kind and returns its value in an address."""

    def keep(make: "Maker") -> "Maker":
        assert MADE.setdefault(kind, make) is make, f"Two functions make a {kind}."
        return make

    return keep


class World:
    """One person who sends requests, with objects of theirs and of others."""

    def __init__(self, app: Flask, person: str) -> None:
        self.app, self.person, self.me, self.last_answer = app, person, "", ""
        self.last_collection = self.last_project = self.last_tool_server = self.last_lorebook = self.last_scene = ""
        self.last_preset = ""
        self.secret = new_secret()
        with app.app_context():
            self.other = self._person("")
            if person in (*SIGNED_IN, "disabled"):
                self.me = self._person(person)
                db.session.commit()
                self.session = accounts.open_session(self.me, "")
            if person == "disabled":
                db.session.execute(update(User).where(User.id == self.me).values(disabled_at=utc_now()))
            db.session.commit()

    def browser(self) -> Browser:
        """Returns a browser of the person with a new session."""
        browser = Browser(self.app)
        if self.person == "visitor":
            browser.client.set_cookie("millrace-visitor", self.secret)
        elif self.me:
            browser.client.set_cookie("millrace", self._session_secret())
        return browser

    def thing(self, kind: str, state: str) -> str:
        """Returns an address's value for an object of this kind; a random one has the same format as a real one."""
        if kind == "file":
            return "css/tokens.css"
        if kind == "place":
            return "title"
        if kind == "plan type" and state == "there":
            return "monthly"
        if kind == "version":
            return "1"
        if kind == "list of plans":
            return "plans"
        if kind == "live list" and state == "there":
            return "sidebar"
        if kind == "docs page":
            return "upstreams"
        if kind == "alert" and state == "there":
            return "errors"
        if kind == "settings page" and state == "there":
            return "limits"
        if kind == "settings part" and state == "there":
            return "memory"
        if kind == "area" and state == "there":
            return "costs"
        if kind == "setting":
            return "models.temperature" if state == "there" else "models.nothing"
        if state == "random":
            return new_id()
        own: Maker | None = getattr(type(self), f"_{kind.replace(' ', '_')}", None)
        make = MADE.get(kind, own)
        assert make, f"Nobody says how to make one: write a function with @makes({kind!r}) in tests/FEATURE/access_rows.py"
        with self.app.app_context():
            name = make(self, state)
            db.session.commit()
            return name

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Asserts that the database is the same after the block."""
        before = self._everything()
        yield
        assert self._everything() == before

    def _everything(self) -> dict[str, list[str]]:
        with self.app.app_context():
            tables = [table for table in Base.metadata.sorted_tables if table.name not in LEFT_OUT]
            return {table.name: sorted(map(str, db.session.execute(select(table)))) for table in tables}

    def _session_secret(self) -> str:
        if self.person == "disabled":
            return self.session
        with self.app.app_context():
            return accounts.open_session(self.me, "")

    def _chat(self, state: str) -> str:
        return self._conversation(state)[0]

    def _message(self, state: str) -> str:
        """Creates a question with a second version, so that every action is possible on it."""
        return self._conversation(state, deletes="message")[1]

    def _answer(self, state: str) -> str:
        return self._conversation(state, deletes="message")[2]

    def _drawing(self, state: str) -> str:
        """Creates an answer that is an SVG image."""
        answer = self._answer(state)
        db.session.get_one(Message, answer).content = "```svg\n<svg></svg>\n```\n"
        db.session.commit()
        return answer

    def _generation(self, state: str) -> str:
        return self._conversation(state)[3]

    def _call(self, state: str) -> str:
        """Creates an answer whose call of a tool waits for a person."""
        answer = self._conversation(state)[2]
        called = {"tool": "read_page", "title": CANARY, "arguments": "{}", "state": "waiting", "policy": "ask"}
        return added(Call(message_id=answer, round=1, number=0, upstream_id="one", **called)).id

    def _conversation(self, state: str, *, deletes: str = "chat") -> tuple[str, str, str, str]:
        """Creates a chat with a question and its answer; returns the ids of the chat, both messages and the generation."""
        deleted_at = utc_now() if state in ("deleted", "buried") else None
        is_chats = deletes == "chat" or state == "buried"
        chat = added(Chat(title=CANARY, model="some/model", deleted_at=deleted_at if is_chats else None, **self._owner(state)))
        said = {"chat_id": chat.id, "content": CANARY, "html": f"<p>{CANARY}</p>"}
        lost = {"deleted_at": None if is_chats else deleted_at}
        first = added(Message(role="user", **said))
        question = added(Message(role="user", parent_id=first.id, **said, **lost))
        answer = added(Message(role="assistant", parent_id=question.id, **said, **lost))
        ran = {"kind": "chat", "lane": f"chat:{chat.id}", "status": "completed", "reason": "stop", "owner": "nobody"}
        generation = added(Generation(message_id=answer.id, user_id=chat.owner_id, model_asked="some/model", **ran))
        chat.head_id = first.id if lost["deleted_at"] else answer.id
        if right := RIGHTS.get(state):
            added(Grant(object_kind="chat", object_id=chat.id, user_id=self.me, right=right, created_by=self.other))
        self.last_chat, self.last_answer = chat.id, answer.id
        return chat.id, question.id, answer.id, generation.id

    def _owner(self, state: str) -> dict[str, Any]:
        if state == "visitors":
            return {"visitor_hash": hashlib.sha256(new_secret().encode()).hexdigest()}
        if state in ("foreign", *RIGHTS):
            return {"owner_id": self.other}
        if self.person == "visitor":
            return {"visitor_hash": hashlib.sha256(self.secret.encode()).hexdigest()}
        return {"owner_id": self.me or self.other}

    def _plan_inputs(self, state: str) -> str:
        owner_id = (self.me if state == "own" else "") or self.other
        return added(PlanInputs(owner_id=owner_id, type="monthly", values={"goals": [CANARY]})).id

    def _plan(self, state: str, **more: Any) -> str:
        owner_id = (self.me if state == "own" else "") or self.other
        type = plan_type_service.get("monthly")
        about, content = type.about, {**(type.example or {}), "title": CANARY}
        made = {
            "owner_id": owner_id,
            "inputs_id": self._plan_inputs(state),
            "type": "monthly",
            "about": about,
            "content": content,
        }
        return added(Plan(**made, title=CANARY, **more)).id

    def _plan_made_again(self, state: str) -> str:
        return self._plan(state, again_of_id=self._plan(state))

    def _chat_with_a_face(self, state: str) -> str:
        """Creates a chat with a character that belongs to the team."""
        chat, character = self._chat(state), self._character("own")
        db.session.get_one(Character, character).owner_id = None
        db.session.get_one(Chat, chat).character_id = character
        return chat

    def _character(self, state: str, **more: Any) -> str:
        said = {"name": CANARY, "description": CANARY, "avatar_id": self._avatar()}
        return added(Character(owner_id=self.whose(state), **said, **more)).id

    def _deleted_character(self, state: str) -> str:
        return self._character(state, deleted_at=utc_now())

    def _persona(self, state: str, **more: Any) -> str:
        said = {"name": CANARY, "description": CANARY, "avatar_id": self._avatar()}
        return added(Persona(owner_id=self.whose(state), **said, **more)).id

    def _deleted_persona(self, state: str) -> str:
        return self._persona(state, deleted_at=utc_now())

    def _sent_file(self, state: str) -> str:
        hash = hashlib.sha256(CANARY.encode()).hexdigest()
        storage.put(storage.path_of(hash), CANARY.encode())
        said = {"name": CANARY, "kind": "text", "media_type": "text/plain", "hash": hash, "bytes": len(CANARY)}
        return added(StoredFile(owner_id=self.whose(state), **said)).id

    def _prompt(self, state: str) -> str:
        prompt = added(Prompt(owner_id=self.whose(state), key=f"prompt-{new_id()}"))
        added(PromptVersion(prompt_id=prompt.id, number=1, sections=[{"name": "Prompt", "text": CANARY}]))
        return prompt.id

    def _avatar(self) -> str:
        return added(Avatar(media_type="image/png", content=CANARY.encode())).id

    def _grant(self, _state: str) -> str:
        """Grants access to the chat that was created last."""
        return added(Grant(object_kind="chat", object_id=self.last_chat, user_id=self.other, right="view")).id

    def _person(self, state: str) -> str:
        role = state if state in SIGNED_IN else "member"
        return added(User(email=f"{new_id()}@example.org", name="Someone", role=role, password_hash="none")).id

    def _session(self, state: str) -> str:
        fields = {"token_hash": hashed(new_secret()), "expires_at": utc_now() + timedelta(days=1)}
        return added(UserSession(user_id=self.whose(state), **fields)).id

    def _token(self, state: str) -> str:
        fields = {"name": "a token", "token_hash": hashed(new_secret()), "last_four": "1234", "scopes": "read"}
        return added(ApiToken(user_id=self.whose(state), **fields)).id

    def whose(self, state: str) -> str:
        return self.other if state == "foreign" or not self.me else self.me

    def _invite(self, _state: str, **fields: str) -> str:
        kept = {"token_hash": hashed(new_secret()), "role": "member", "expires_at": utc_now() + timedelta(days=1)}
        return added(Invite(**{**kept, **fields})).id

    def _invite_token(self, state: str) -> str:
        token = new_secret()
        self._invite(state, token_hash=hashed(token))
        return token

    def _password_token(self, state: str) -> str:
        token = new_secret()
        self._invite(state, token_hash=hashed(token), role="", user_id=self._person(""))
        return token

    def _group(self, _state: str) -> str:
        return added(Group(name=f"Group {new_id()}")).id

    def _tryout(self, state: str) -> str:
        about = {"prompt_id": "quick", "key": "quick", "model": "some/model", "versions": [1]}
        one = added(Tryout(owner_id=self.whose(state), **about))
        added(TryoutAnswer(tryout_id=one.id, place=0, version=1, question=CANARY, text=CANARY, is_done=True))
        return str(one.id)

    def _experiment(self, _state: str) -> str:
        prompt = added(Prompt(owner_id=None, key=new_id(), strategy="A_B_TEST", version=1))
        one = added(Experiment(prompt_id=prompt.id, outcome="good", min_samples=20))
        for place in (0, 1):
            added(ExperimentArm(experiment_id=one.id, version=place + 1, place=place, weight=50.0))
        return str(one.id)

    def _budget(self, _state: str) -> str:
        return added(Budget(who="team", unit="answers", most=1_000, period="month", warn_at=0.8)).id

    def _model(self, _state: str) -> str:
        return "some/model"

    def _connection(self, _state: str) -> str:
        slug = new_id()
        return added(Connection(slug=slug, name=slug, kind="openai", base_url="http://127.0.0.1:9/v1", models=[])).slug


def added(row: Any) -> Any:
    db.session.add(row)
    db.session.flush()
    return row


Maker = Callable[[World, str], str]
