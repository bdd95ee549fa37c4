"""Random worlds of chats with links, with a word of its own at each place, and a model of which words a link may show.

The model asks none of our own code: it knows what was said when, and what each link was made with.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.characters.tables import Persona
from webapp.chat.files import storage
from webapp.chat.files.tables import IMAGE, TEXT, ChatFile, StoredFile
from webapp.chat.record.tables import Chat, Draft, Feedback, Message, Project, Story, Tag, TaggedChat
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import Grant, User
from webapp.settings.service import set_setting
from webapp.tools.tables import Call
from webapp.workspace.links import service
from webapp.workspace.links.service import LinkInput

WORD = re.compile(r"c[0-9a-f]{16}z")
SHOWS = ("files", "reasoning", "calls", "names")
ROLES = {"maker": "member", "writer": "member", "reader": "member"}
PAGE, FILE, COPY = "page", "file", "copy"
BOTH = (PAGE, COPY)


class Person(NamedTuple):
    id: str
    name: str


class Part(NamedTuple):
    """A word of a message: where it may be shown, and what a link must have been made with."""

    word: str
    where: frozenset[str]
    needs: frozenset[str]


@dataclass
class Said:
    """A message: its words, in the order in which they came."""

    id: str
    parent_id: str | None
    role: str
    parts: list[Part] = field(default_factory=list)
    rounds: int = 0


@dataclass
class MadeLink:
    """A link with its address; a snapshot has the parts and the title of its time."""

    id: str
    token: str
    shows: frozenset[str]
    is_live: bool
    head_id: str | None
    is_answer: bool
    ends_at: datetime | None
    title: str
    parts: tuple[Part, ...]
    is_revoked: bool = False


class World:
    """One chat with branches, calls, files and links, and the people around it."""

    def __init__(self, number: int) -> None:
        self.random = Random(number)
        self.said: dict[str, Said] = {}
        self.links: list[MadeLink] = []
        self.unseen_files: list[str] = []
        self.closings: set[str] = set()
        self.deleted: set[str] = set()
        with write(keeps_loaded=True) as session:
            roles = ROLES | {"maker": self.random.choice(("owner", "admin", "member", "guest"))}
            self.people = {name: self._person(session, role) for name, role in roles.items()}
            self.title, self.is_guest = self.word(), roles["maker"] == "guest"
            self.chat_id, self.head_id = self._chat(session), ""
            self._grow_tree(session)
            session.get_one(Chat, self.chat_id).head_id = self.head_id
            self._surround(session)

    @property
    def names(self) -> dict[str, str]:
        """The names of the people by their ids, but for the one who continues chats."""
        return {person.id: person.name for role, person in self.people.items() if role != "reader"}

    def word(self) -> str:
        return f"c{self.random.getrandbits(64):016x}z"

    # What a link may show.

    def is_open(self, link: MadeLink) -> bool:
        shown = self._path(link.head_id) if link.head_id else []
        return not (
            link.is_revoked
            or self.closings & {"trash", "disabled", "another owner", "off", "erased"}
            or ("members" in self.closings and self.is_guest)
            or ("an end" in self.closings and not link.ends_at)
            or (link.ends_at and link.ends_at <= utc_now())
            or self.deleted & set(shown)
        )

    def title_of(self, link: MadeLink) -> set[str]:
        """Returns the title that a link shows, none for one to an answer, which shows nothing else of the chat."""
        return set() if link.is_answer else {self.title if link.is_live else link.title}

    def shown(self, link: MadeLink, where: str) -> set[str]:
        """Returns the words of the messages that a link may show there, be it open or not."""
        parts: Iterable[Part] = link.parts
        if link.is_live:
            path = self._path(link.head_id or self.head_id)
            parts = [part for id in (path[-2:] if link.is_answer else path) for part in self.said[id].parts]
        return {part.word for part in parts if where in part.where and part.needs <= link.shows}

    def _path(self, head_id: str) -> list[str]:
        path, id = list[str](), head_id or None
        while id:
            path.insert(0, id)
            id = self.said[id].parent_id
        return path

    # What happens in it.

    def link(self) -> None:
        """Creates a link to the chat or to one of its answers."""
        chance, chat = self.random.random, db.session.get_one(Chat, self.chat_id)
        answers = [id for id in self._path(self.head_id) if self.said[id].role == "assistant"]
        answer, is_live = self.random.choice(answers) if chance() < 0.3 else "", chance() < 0.4
        shows = [part for part in SHOWS if chance() < 0.5]
        ends_at = utc_now() + timedelta(days=3) if chance() < 0.7 else None
        entered = LinkInput.model_validate({"live": is_live, "with": shows, "ends_at": ends_at})
        message = db.session.get_one(Message, answer) if answer else None
        maker = db.session.get_one(User, self.people["maker"].id)
        id = service.create(chat, entered, author=COMMAND_LINE, by=maker, message=message).id
        row = service.link_row(id)
        assert row
        path = self._path(answer or self.head_id)
        parts = tuple(part for id in (path[-2:] if answer else path) for part in self.said[id].parts)
        head_id = answer or (None if is_live else self.head_id)
        about = {"head_id": head_id, "is_answer": bool(answer), "ends_at": ends_at, "title": self.title, "parts": parts}
        self.links.append(MadeLink(id, row.url_token, frozenset(shows), is_live, **about))

    def go_on(self) -> None:
        """Lets later things happen, which snapshots don't show."""
        answers = [said for said in self.said.values() if said.role == "assistant"]
        with write(keeps_loaded=True) as session:
            chat = session.get_one(Chat, self.chat_id)
            for said in answers:
                if self.random.random() < 0.5:
                    self._continue(session, said)
            if self.random.random() < 0.5:
                self.title = chat.title = self.word()
            turn = self.random.choice(("answer", "switch", "delete", "none"))
            if turn == "answer":
                self._say(session, "assistant", self._say(session, "user", self.head_id))
            elif turn == "switch":
                self.head_id = self.random.choice(answers).id
            elif turn == "delete" and len(path := self._path(self.head_id)) > 1:
                place = self.random.randrange(1, len(path))
                session.get_one(Message, path[place]).deleted_at = utc_now()
                self.deleted, self.head_id = {path[place]}, path[place - 1]
            chat.head_id = self.head_id

    def close(self, closing: str) -> Callable[[], None]:
        """Closes links in one way; returns what opens them again."""
        self.closings.add(closing)
        settings = {"off": ("links.who", "off"), "members": ("links.who", "members"), "an end": ("links.for_ever", "false")}
        if closing in settings:
            set_setting(*settings[closing])
        else:
            self._set(closing, is_closed=True)

        def reopen() -> None:
            self.closings.discard(closing)
            if closing in settings:
                allow_all()
            else:
                self._set(closing, is_closed=False)

        return reopen

    def _set(self, closing: str, *, is_closed: bool) -> None:
        now = utc_now() if is_closed else None
        with write() as session:
            if closing == "trash":
                session.get_one(Chat, self.chat_id).deleted_at = now
            elif closing == "disabled":
                session.get_one(User, self.people["maker"].id).disabled_at = now
            else:
                session.get_one(Chat, self.chat_id).owner_id = self.people["writer" if is_closed else "maker"].id

    # How it is made.

    def _person(self, session: Session, role: str) -> Person:
        person = Person(new_id(), self.word())
        session.add(User(**person._asdict(), email=f"{self.word()}@example.org", role=role, password_hash="none"))
        session.flush()
        return person

    def _chat(self, session: Session) -> str:
        maker, writer = self.people["maker"].id, self.people["writer"].id
        project = Project(id=new_id(), owner_id=writer, name=self.word(), about=self.word(), instructions=self.word())
        persona = Persona(id=new_id(), owner_id=maker, name=self.word(), description=self.word())
        session.add_all([project, persona])
        session.flush()
        texts = {name: self.word() for name in ("system_prompt", "pre_prompt", "post_prompt", "note")}
        where = {"project_id": project.id, "persona_id": persona.id, "is_for_project": self.random.random() < 0.5}
        chat = Chat(id=new_id(), owner_id=maker, title=self.title, model="demo/quick", **where, **texts)
        session.add(chat)
        session.flush()
        for kind, id, rights in (("project", project.id, ("read", "write")), ("chat", chat.id, ("view", "write"))):
            session.add(Grant(object_kind=kind, object_id=id, user_id=writer, right=self.random.choice(rights)))
        session.add(Grant(object_kind="project", object_id=project.id, user_id=maker, right="write"))
        return chat.id

    def _grow_tree(self, session: Session) -> None:
        above = None
        for _ in range(self.random.choice((1, 2, 3))):
            question = self._say(session, "user", above)
            answers = [self._say(session, "assistant", question) for _ in range(self.random.choice((1, 1, 2)))]
            above = self.random.choice(answers)
        self.head_id = above or ""

    def _surround(self, session: Session) -> None:
        """Adds what belongs to the chat and its people, but to no link."""
        maker = self.people["maker"].id
        other = Chat(id=new_id(), owner_id=maker, title=self.word(), model="demo/quick")
        tag = Tag(id=new_id(), user_id=maker, name=self.word(), folded=self.word())
        session.add_all([other, tag])
        session.flush()
        session.add(Message(chat_id=other.id, role="user", content=self.word()))
        session.add(TaggedChat(tag_id=tag.id, chat_id=self.chat_id))
        session.add(Draft(user_id=maker, chat_id=self.chat_id, text=self.word()))
        session.add(Story(chat_id=self.chat_id, message_id=self.head_id, text=self.word()))
        session.add(Feedback(message_id=self.head_id, user_id=maker, is_good=False, reason=self.word()))

    def _say(self, session: Session, role: str, parent_id: str | None) -> str:
        said = Said(new_id(), parent_id, role)
        self.said[said.id] = said
        content = self._word(said, BOTH)
        message = Message(id=said.id, chat_id=self.chat_id, parent_id=parent_id, role=role, content=content)
        session.add(message)
        session.flush()
        if role == "user":
            self._ask(session, said, message)
        else:
            self._answer(session, said, message)
        return said.id

    def _ask(self, session: Session, said: Said, message: Message) -> None:
        author = self.random.choice((self.people["maker"], self.people["writer"]))
        message.author_id, message.speaker_name = author.id, self._word(said, [COPY], "names")
        said.parts.append(Part(author.name, frozenset(BOTH), frozenset(["names"])))
        if self.random.random() < 0.5:
            name, text = self._word(said, BOTH, "files"), self._word(said, BOTH, "files")
            message.content += f"\n\n{name}.md\n```md\n{text}\n```"
        for mark, kind in (("!", IMAGE), ("", TEXT)):
            if self.random.random() < 0.4:
                name, is_seen = self._word(said, BOTH, "files"), self.random.random() < 0.6
                content = self._word(said, [FILE, COPY], "files") if is_seen else self.word()
                message.content += f"\n\n{mark}[{name}](/files/{self._file(session, name, content, kind, is_seen=is_seen)})"

    def _answer(self, session: Session, said: Said, message: Message) -> None:
        if self.random.random() < 0.3:
            # A page shows a picture of an answer with the files, and its name without them.
            name, content = self._word(said, BOTH), self._word(said, [FILE, COPY], "files")
            message.content += f"\n\n![{name}](/files/{self._file(session, name, content, IMAGE)})"
        if self.random.random() < 0.2:
            message.speaker_name = self._word(said, BOTH)
        self._more(session, said, message)
        about = {"kind": "chat", "lane": f"chat:{self.chat_id}", "reason": "stop", "owner": "none", "error": self.word()}
        status, model = self.random.choice(("completed", "stopped")), self.word()
        session.add(Generation(message_id=said.id, status=status, model_asked=model, prompt={"text": self.word()}, **about))

    def _continue(self, session: Session, said: Said) -> None:
        message = session.get_one(Message, said.id)
        message.content, message.html_version = f"{message.content} {self._word(said, BOTH)}", 0
        self._more(session, said, message)

    def _more(self, session: Session, said: Said, message: Message) -> None:
        """Adds reasoning, calls and sources to an answer, each of them perhaps."""
        if self.random.random() < 0.7:
            message.reasoning += f" {self._word(said, BOTH, 'reasoning')}"
        for _ in range(self.random.choice((0, 1, 1))):
            self._call(session, said)
            message.call_count += 1
        if self.random.random() < 0.5:
            url, title, text = self._word(said, BOTH), self._word(said, BOTH), self._word(said, [COPY])
            page = {"url": f"https://example.org/{url}", "title": title, "text": text}
            empty = {"number": len(message.sources) + 1, "document_id": "", "passage_id": "", "page": None}
            message.sources = [*message.sources, {**empty, **page}]

    def _call(self, session: Session, said: Said) -> None:
        maker, decider, is_private = self.people["maker"], self.people["writer"], self.random.random() < 0.4
        about: dict[str, Any] = {name: self._word(said, BOTH, "calls") for name in ("title", "note", "why")}
        about |= {"arguments": json.dumps({"words": self._word(said, BOTH, "calls")}), "decided_by": decider.id}
        about |= {"kept": self._word(said, [COPY], "calls", "reasoning")}
        said.parts.append(Part(decider.name, frozenset([COPY]), frozenset(["calls", "names"])))
        if is_private:
            about |= {"private_to": maker.id, "text": self.word()}
            said.parts.append(Part(maker.name, frozenset([COPY]), frozenset(["calls", "names"])))
        else:
            about |= {"text": self._word(said, BOTH, "calls")}
        if self.random.random() < 0.6:
            name, content, kind = self.word(), self.word(), self.random.choice((IMAGE, TEXT))
            about["file_ids"] = [self._file(session, name, content, kind, is_seen=not is_private)]
            shown = [(name, [PAGE], ["files"]), (content, [FILE], ["files"])]
            shown += [(word, [COPY], ["files", "calls"]) for word in (name, content)]
            said.parts += [Part(word, frozenset(where), frozenset(needs)) for word, where, needs in shown if not is_private]
        said.rounds += 1
        tool = {"tool": "read_page", "state": "done", "policy": "auto", "upstream_id": "one", "number": 0}
        session.add(Call(message_id=said.id, round=said.rounds, **tool, **about))

    def _file(self, session: Session, name: str, content: str, kind: str, *, is_seen: bool = True) -> str:
        """Stores a file of the chat; one that links don't show is private, or was not sent in this chat."""
        hash = hashlib.sha256(content.encode()).hexdigest()
        storage.put(storage.path_of(hash), content.encode())
        media_type = "image/png" if kind == IMAGE else "text/plain"
        about = {"kind": kind, "media_type": media_type, "hash": hash, "bytes": len(content), "is_sent": True}
        file = StoredFile(id=new_id(), owner_id=self.people["maker"].id, name=name, **about)
        session.add(file)
        session.flush()
        if is_seen or self.random.random() < 0.5:
            session.add(ChatFile(chat_id=self.chat_id, file_id=file.id, is_private=not is_seen))
        if not is_seen:
            self.unseen_files.append(file.id)
        return file.id

    def _word(self, said: Said, where: Iterable[str], *needs: str) -> str:
        word = self.word()
        said.parts.append(Part(word, frozenset(where), frozenset(needs)))
        return word


def allow_all() -> None:
    """Lets everyone make links, also such as have no end."""
    for name, value in (("links.who", "everyone"), ("links.for_ever", "true")):
        set_setting(name, value)
