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
        "webapp/workspace/page/views.py",
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
        "webapp/workspace/page/feed.py",
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
    "anybody's grant to a thing": Mutation(
        "webapp/people/things/seen.py",
        (("grants.given_to(user, self.kind)", f"{ANYBODYS} self.kind)"),),
        (
            "tests/characters/lore/test_sharing.py::test_a_group_and_the_team_see_it_and_guests_do_not",
            "tests/chat/presets/test_random_permissions.py::test_only_what_is_granted_is_used",
        ),
    ),
    "a withdrawn lorebook is used": Mutation(
        "webapp/characters/lore/queries.py",
        (("if is_played else attached & SEEN_LOREBOOKS.sees(owner)", "if is_played else attached"),),
        ("tests/characters/lore/test_sharing.py::test_one_is_shared_used_in_a_chat_and_withdrawn",),
    ),
    "a withdrawn preset is used": Mutation(
        "webapp/models/presets/queries.py",
        (("Preset.id.in_(missing), SEEN_PRESETS.sees(person)", "Preset.id.in_(missing)"),),
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
    "a link opens a chat in the trash": Mutation(
        "webapp/workspace/links/service.py", (("bool(chat.deleted_at)", "False"),), LINKS
    ),
    "a link opens for another owner": Mutation(
        "webapp/workspace/links/service.py", (("chat.owner_id != owner.id", "False"),), LINKS
    ),
    "a link to an answer shows the chat": Mutation("webapp/workspace/links/service.py", (("path[-PAIR:]", "path"),), LINKS),
    "a snapshot shows later texts": Mutation(
        "webapp/chat/messages/fork.py", (("content[: extent.text] if extent else content", "content"),), LINKS
    ),
    "a snapshot shows later sources": Mutation(
        "webapp/chat/messages/fork.py", (("sources[: extent.sources] if extent else sources", "sources"),), LINKS
    ),
    "a link shows names": Mutation(
        "webapp/workspace/exchange/export_pages.py", (('(message.author if included.names else "")', "message.author"),), LINKS
    ),
    "a link opens private files": Mutation(
        "webapp/workspace/links/pages.py", ((", ChatFile.is_private.is_(False))", ")"),), LINKS
    ),
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
    "outside text asks for nothing": Mutation(
        "webapp/tools/outside.py",
        (("    if not read.outside or (tool", "    if True or (tool"),),
        ("tests/tools/test_outside.py::test_after_outside_text_what_could_carry_something_out_asks",),
    ),
    "any address is opened": Mutation(
        "webapp/tools/outside.py",
        (("if addresses and addresses <= read.written:", "if addresses:"),),
        ("tests/tools/test_outside.py::test_only_whole_addresses_that_stand_in_outside_text_are_opened",),
    ),
    "a page inside is read": Mutation(
        "webapp/tools/built_in/read_page.py",
        (('*, trust: Trust = "public", most_chars', '*, trust: Trust = "operator", most_chars'),),
        ("tests/tools/built_in/test_read_page.py::test_nothing_inside_is_reached",),
    ),
    "another tool is called than was offered": Mutation(
        "webapp/tools/servers/offered.py",
        ((" or tool.accepted_hash != hash", ""),),
        ("tests/tools/servers/test_calls.py::test_a_tool_that_was_accepted_anew_is_not_called_as_it_was_offered",),
    ),
    "any scope is enough": Mutation(
        "webapp/api/access.py",
        (("bool(caller.scopes & COVERED_BY.get(scope, {scope}))", "bool(caller.scopes)"),),
        (
            "tests/api/test_tool_servers.py::test_a_token_needs_the_scope",
            "tests/api/test_mcp.py::test_another_scope_is_not_enough",
        ),
    ),
    "the same key is the same text": Mutation(
        "webapp/engine/generations.py",
        (("join((sender, key, body))", "join((sender, key))"),),
        ("tests/api/test_messages.py::test_the_same_key_and_text_are_sent_once",),
    ),
    "another site writes here": Mutation(
        "webapp/web/security.py",
        (("elif not (_is_from_ourselves(", "elif False and not (_is_from_ourselves("),),
        ("tests/web/test_security.py::test_no_other_site_posts_here",),
    ),
    "another site reads here": Mutation(
        "webapp/web/security.py",
        (("if site and site not in OURSELVES and not (", "if False and not ("),),
        ("tests/web/test_security.py::test_no_other_site_reads_by_script_with_our_cookies",),
    ),
    "a key is for any address": Mutation(
        "webapp/models/connections/keys.py",
        (('return f"api key for {address}"', 'return "api key"'),),
        ("tests/settings/test_keys.py::test_a_stored_key_does_not_follow_an_operator_to_another_address",),
    ),
    "a setting has no bounds": Mutation(
        "webapp/settings/kinds.py",
        (("if not self.least <= number <= self.most:", "if False:"),),
        ("tests/settings/test_service.py::test_a_value_out_of_bounds_is_refused_and_changes_nothing",),
    ),
    "a budget has no end": Mutation(
        "webapp/operations/budgets/gate.py",
        (("        return self._left >= 0\n", "        return True\n"),),
        ("tests/operations/budgets/test_budgets.py::test_an_answer_that_passes_its_budget_is_ended_and_corrected_later",),
    ),
    "a disabled account stays": Mutation(
        "webapp/people/accounts/queries.py",
        (("    return query.where(user.c.disabled_at.is_(None))\n", "    return query\n"),),
        ("tests/people/test_service.py::test_a_disabled_account_is_signed_out_at_once",),
    ),
    "an invite opens twice": Mutation(
        "webapp/people/members/invites.py",
        (("is_open = Invite.used_at.is_(None), Invite.expires_at > utc_now()", "is_open = (Invite.expires_at > utc_now(),)"),),
        ("tests/people/test_invite.py::test_of_twenty_at_the_same_time_one_gets_the_account",),
    ),
    "a clock that jumps deletes": Mutation(
        "webapp/base/keeping_clock.py",
        (("GAP and not _stood_lately(clock, now):\n        return", "GAP and False:\n        return"),),
        ("tests/people/test_trash.py::test_a_clock_that_jumps_takes_nothing_from_the_trash",),
    ),
    "no owner of a plan": Mutation(
        "webapp/plans/queries.py",
        (("select(Plan).where(Plan.id == id, Plan.owner_id == owner_id)", "select(Plan).where(Plan.id == id)"),),
        ("tests/plans/test_pages.py::test_plans_are_for_nobody_else",),
    ),
    "no owner of a run": Mutation(
        "webapp/workflows/queries.py",
        (("WorkflowRun.id == id, WorkflowRun.owner_id == owner_id, Chat", "WorkflowRun.id == id, Chat"),),
        ("tests/workflows/test_runs.py::test_a_program_answers_changes_and_reads_the_log_that_gives_the_state_again",),
    ),
    "a link to a drawing continues its chat": Mutation(
        "webapp/workspace/links/views.py",
        (("found(None if link.is_artifact else link)", "link"),),
        ("tests/chat/links/test_previews.py::test_a_page_is_shown_in_the_sandbox_to_anyone_and_nothing_else_of_the_chat",),
    ),
    "a link draws what was written later": Mutation(
        "webapp/workspace/links/pages.py",
        (("link.included.text_of(message.id, versions_shown.text_of(message), message.role)", "message.content"),),
        ("tests/chat/links/test_previews.py::test_what_an_answer_says_after_the_snapshot_is_not_drawn",),
    ),
    "a frame is for any session": Mutation(
        "webapp/workspace/previews/frame_views.py",
        (('salt=f"frame {secret}"', 'salt="frame"'),),
        ("tests/chat/test_previews.py::test_a_ticket_expires_and_is_of_one_session",),
    ),
    "what is below a deleted message is found": Mutation(
        "webapp/workspace/list/search.py",
        (("return [row for row in rows if row.id not in hidden]", "return [*rows]"),),
        ("tests/chat/test_search.py::test_what_was_deleted_is_not_found_until_it_comes_back",),
    ),
}
