"""The safeguards that are removed from the source, and the tests that must notice it. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """In `path` every `old` is replaced by `new`, and `more` is appended to the file. All of `tests` must then fail."""

    path: str
    changes: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]
    more: str = ""


PERMITTED = "webapp/knowledge/permissions.py"
WORLDS = ("tests/knowledge/test_random_permissions.py::test_only_what_is_permitted_is_found",)
TRUE, SELECT = "\nfrom sqlalchemy import true\n", "\nfrom sqlalchemy import select\n"
ANYBODYS = "select(Grant.object_id).where(Grant.object_kind =="
LINKS = ("tests/chat/links/test_random_worlds.py::test_only_what_a_link_opens_is_shown",)
MUTATIONS = {
    "no owner on the stream": Mutation(
        "webapp/chat/page/views.py",
        (("stream(visible_chat(id))", "stream(_any_chat(id))"),),
        ("tests/attacks/test_streams.py::test_a_stranger_gets_not_one_byte_of_it",),
        """

def _any_chat(id):
    from webapp.chat.record.tables import Chat
    from webapp.base.db import db

    return db.session.get(Chat, id)
""",
    ),
    "no owner of a position": Mutation(
        "webapp/chat/page/feed.py",
        (("generation if generation and generation.lane == self.lane else None", "generation"),),
        ("tests/attacks/test_streams.py::test_a_position_does_not_bring_somebody_elses_answer",),
    ),
    "no sanitiser while it grows": Mutation(
        "webapp/rendering/markdown.py",
        (
            (
                "self._tail.draw(self._clean(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})), fence)",
                "self._tail.draw(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}), fence)",
            ),
        ),
        ("tests/rendering/test_hostile_texts.py::test_no_picture_on_the_way_breaks_a_rule",),
    ),
    "no sanitiser when it is sealed": Mutation(
        "webapp/rendering/markdown.py",
        (("markup = self._clean(markup + ", "markup = (markup + "),),
        ("tests/attacks/test_payloads.py::test_what_is_sealed_on_the_way_is_as_safe_as_the_end",),
    ),
    "redirects are taken for replies": Mutation(
        "webapp/models/upstream/client.py",
        (("300 <= body.status < 400", "300 <= body.status < 300"),),
        ("tests/upstream/test_client.py::test_a_redirect_is_not_followed",),
    ),
    "anybody settles": Mutation(
        "webapp/engine/state/ownership.py",
        (('"which"), TABLE.c.owner == bindparam("of")', '"which"), bindparam("of").is_not(None)'),),
        ("tests/engine/test_journal.py::test_a_generation_that_was_taken_away_stops_and_writes_nothing",),
    ),
    "anybody's heart is beaten": Mutation(
        "webapp/engine/state/ownership.py",
        (('OWNED_BY_US = among_active(TABLE.c.owner) == bindparam("of")', 'OWNED_BY_US = bindparam("of").is_not(None)'),),
        ("tests/engine/test_journal.py::test_a_generation_that_was_taken_away_stops_and_writes_nothing",),
    ),
    "the end of the body is an end": Mutation(
        "webapp/models/providers/provider_http.py",
        (("            raise failure\n", '            yield Ended("completed", "stop")\n'),),
        (
            "tests/models/providers/test_faults.py::test_done_alone_is_no_success",
            "tests/models/providers/test_faults.py::test_an_end_without_a_reason_is_a_cut",
        ),
    ),
    "no end is an end": Mutation(
        "webapp/streaming/run.py",
        (
            (
                'return self._failure_outcome(Failed("cut", "The answer was cut off before it finished.", retryable=True))',
                'return finished("stop")',
            ),
        ),
        ("tests/streaming/test_run.py::test_an_end_without_its_marker_is_a_cut",),
    ),
    "CR is sent as it is": Mutation(
        "webapp/streaming/codec.py",
        (('data.replace("\\r\\n", "\\n").replace("\\r", "\\n") if "\\r" in data else data', "data"),),
        (
            "tests/attacks/test_payloads.py::test_whatever_is_sent_is_one_event",
            "tests/attacks/test_payloads.py::test_nothing_of_it_makes_an_event_of_its_own",
        ),
    ),
    "CR ends no line": Mutation(
        "webapp/streaming/codec.py",
        (('text.replace("\\r\\n", "\\n").replace("\\r", "\\n").split("\\n")', 'text.replace("\\r\\n", "\\n").split("\\n")'),),
        ("tests/streaming/test_codec.py::test_it_reads_what_the_standard_says",),
    ),
    "a write begins late": Mutation(
        "webapp/base/db.py",
        (('"BEGIN IMMEDIATE" if _is_to_write() else "BEGIN"', '"BEGIN"'),),
        ("tests/test_extensions.py::test_a_write_begins_at_once_and_a_read_does_not_claim_the_file",),
    ),
    "no owner of a collection": Mutation(
        PERMITTED,
        (("ways = [Collection.owner_id == user.id, and_(", "ways = [Collection.owner_id.is_(None), and_("),),
        WORLDS,
    ),
    "no level of a collection": Mutation(PERMITTED, (("Collection.level <= user.clearance", "Collection.level <= 3"),), WORLDS),
    "no level of a document": Mutation(PERMITTED, (("Document.level <= user.clearance", "Document.level <= 3"),), WORLDS),
    "anybody's grant to a collection": Mutation(
        PERMITTED, (("grants.given_to(user, COLLECTION)", f"{ANYBODYS} COLLECTION)"),), WORLDS, SELECT
    ),
    "anybody's grant to a chat": Mutation(
        PERMITTED,
        (("grants.is_given(Collection.chat_id, user, CHAT)", f"Collection.chat_id.in_({ANYBODYS} CHAT))"),),
        WORLDS,
        SELECT,
    ),
    "anybody's grant to a lorebook": Mutation(
        "webapp/characters/lore/queries.py",
        (("grants.given_to(user, KIND)", f"{ANYBODYS} KIND)"),),
        ("tests/characters/lore/test_sharing.py::test_a_group_and_the_team_see_it_and_guests_do_not",),
    ),
    "a withdrawn lorebook is used": Mutation(
        "webapp/characters/lore/queries.py",
        (("if is_played else attached & is_visible(owner)", "if is_played else attached"),),
        ("tests/characters/lore/test_sharing.py::test_one_is_shared_used_in_a_chat_and_withdrawn",),
    ),
    "anybody's grant to a preset": Mutation(
        "webapp/models/presets/queries.py",
        (("grants.given_to(user, KIND)", f"{ANYBODYS} KIND)"),),
        ("tests/chat/presets/test_random_permissions.py::test_only_what_is_granted_is_used",),
    ),
    "a withdrawn preset is used": Mutation(
        "webapp/models/presets/queries.py",
        (("Preset.id.in_(missing), is_visible(person)", "Preset.id.in_(missing)"),),
        ("tests/api/test_presets.py::test_what_a_reader_cannot_use_is_left_out_and_what_is_gone_is_said",),
    ),
    "no right to a chat": Mutation(PERMITTED, (('if "read" in right', 'if "read" not in right'),), WORLDS),
    "files of chats found everywhere": Mutation(
        "webapp/knowledge/search/ranking.py", (("else Collection.chat_id.is_(None)", "else Collection.id.is_not(None)"),), WORLDS
    ),
    "no grants of a document's own": Mutation(PERMITTED, (("or_(~own, fitting)", "true()"),), WORLDS, TRUE),
    "anybody's grant to a document": Mutation(PERMITTED, (("or_(~own, fitting)", "or_(~own, own)"),), WORLDS),
    "the owner asks for a document": Mutation(PERMITTED, (("or_(Collection.owner_id == user.id, is_open)", "is_open"),), WORLDS),
    "a deleted document is there": Mutation(PERMITTED, (("Document.deleted_at.is_(None), ", ""),), WORLDS),
    "a deleted collection is there": Mutation(PERMITTED, (("Collection.deleted_at.is_(None), ", ""),), WORLDS),
    "a link opens a chat in the trash": Mutation("webapp/chat/links/service.py", (("bool(chat.deleted_at)", "False"),), LINKS),
    "a link opens for another owner": Mutation("webapp/chat/links/service.py", (("chat.owner_id != owner.id", "False"),), LINKS),
    "a link to an answer shows the chat": Mutation("webapp/chat/links/service.py", (("path[-PAIR:]", "path"),), LINKS),
    "a snapshot shows later texts": Mutation(
        "webapp/chat/messages/fork.py", (("content[: extent.text] if extent else content", "content"),), LINKS
    ),
    "a snapshot shows later sources": Mutation(
        "webapp/chat/messages/fork.py", (("sources[: extent.sources] if extent else sources", "sources"),), LINKS
    ),
    "a link shows names": Mutation(
        "webapp/chat/exchange/export_pages.py", (('(message.author if included.names else "")', "message.author"),), LINKS
    ),
    "a link opens private files": Mutation("webapp/chat/links/pages.py", ((", ChatFile.is_private.is_(False))", ")"),), LINKS),
    "a copy names who decided": Mutation(
        "webapp/chat/messages/fork.py", (('{"decided_by": None, "private_to"', '{"private_to"'),), LINKS
    ),
    "a copy has the reasoning of rounds": Mutation(
        "webapp/chat/messages/fork.py", (('values if included.reasoning else values | {"kept": ""}', "values"),), LINKS
    ),
    "a password is enough": Mutation(
        "webapp/people/accounts/service.py",
        (("if the_second_step().is_on(user_id):", "if False:"),),
        ("tests/people/test_second_factor.py::test_a_password_alone_opens_nothing",),
    ),
    "a code works twice": Mutation(
        "webapp/people/second_factor/service.py",
        (("SecondFactor.last_step < step, ", ""),),
        ("tests/people/test_second_factor.py::test_a_code_works_once",),
    ),
    "guesses of codes are free": Mutation(
        "webapp/people/second_factor/service.py",
        (("_attempts.take(user_id, BUCKETS.get())", "0"),),
        ("tests/people/test_second_factor.py::test_guesses_are_limited_whatever_their_address",),
    ),
    "every wait is waited": Mutation(
        "webapp/engine/ladder.py",
        (("patience_seconds = min(PATIENCE_SECONDS, self._seconds_left())", "patience_seconds = 86_400.0"),),
        ("tests/attacks/test_stalls.py::test_nobody_waits_for_as_long_as_a_server_asks",),
    ),
    "a silent attempt is never ended": Mutation(
        "webapp/engine/ladder.py",
        (("if self._attempt is not None and self._now()", "if self._attempt and self._now()"),),
        ("tests/engine/test_ladder.py::test_a_silence_ends_an_attempt_and_the_ladder_goes_on",),
    ),
}
