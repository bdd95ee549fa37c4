"""What is taken away from the source to see whether its tests notice, and which of them must. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """In `path` every `old` becomes `new`; `more` stands at the end of the file. All of `tests` must fail."""

    path: str
    changes: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]
    more: str = ""


MUTATIONS = {
    "no owner on the stream": Mutation(
        "webapp/chat/views.py",
        (("stream(visible_chat(id))", "stream(_any_chat(id))"),),
        ("tests/attacks/test_streams.py::test_a_stranger_gets_not_one_byte_of_it",),
        """

def _any_chat(id):
    from webapp.chat.tables import Chat
    from webapp.extensions import db

    return db.session.get(Chat, id)
""",
    ),
    "no owner of a position": Mutation(
        "webapp/chat/feed.py",
        (("generation and generation.lane == self.lane", "True"),),
        ("tests/attacks/test_streams.py::test_a_position_does_not_bring_somebody_elses_answer",),
    ),
    "no sanitiser while it grows": Mutation(
        "webapp/rendering/markdown.py",
        (
            (
                "self._tail.draw(clean(_markdown.renderer.render(tokens, _markdown.options, {})), fence)",
                "self._tail.draw(_markdown.renderer.render(tokens, _markdown.options, {}), fence)",
            ),
        ),
        ("tests/rendering/test_attacks.py::test_no_picture_on_the_way_breaks_a_rule",),
    ),
    "no sanitiser when it is sealed": Mutation(
        "webapp/rendering/markdown.py",
        (("markup = clean(markup + ", "markup = (markup + "),),
        ("tests/attacks/test_payloads.py::test_what_is_sealed_on_the_way_is_as_safe_as_the_end",),
    ),
    "redirects are followed": Mutation(
        "webapp/upstream/client.py",
        (("allow_redirects=False", "allow_redirects=True"),),
        ("tests/upstream/test_client.py::test_a_redirect_is_not_followed",),
    ),
    "anybody settles": Mutation(
        "webapp/generations/fence.py",
        ((".where(Generation.id == id, Generation.owner == owner, ", ".where(Generation.id == id, "),),
        ("tests/generations/test_journal.py::test_a_generation_that_was_taken_away_stops_and_writes_nothing",),
    ),
    "anybody's heart is beaten": Mutation(
        "webapp/generations/fence.py",
        ((".where(Generation.owner == owner, Generation.status.in_(ACTIVE))", ".where(Generation.status.in_(ACTIVE))"),),
        ("tests/generations/test_journal.py::test_a_generation_that_was_taken_away_stops_and_writes_nothing",),
    ),
    "the end of the body is an end": Mutation(
        "webapp/providers/line.py",
        (("            raise failure\n", '            yield Ended("completed", "stop")\n'),),
        (
            "tests/providers/test_faults.py::test_done_alone_is_no_success",
            "tests/providers/test_faults.py::test_an_end_without_a_reason_is_a_cut",
        ),
    ),
    "no end is an end": Mutation(
        "webapp/streaming/run.py",
        (
            (
                'return self._broken(Failed("cut", "The answer broke off before its end.", retryable=True))',
                'return finished("stop")',
            ),
        ),
        ("tests/streaming/test_run.py::test_an_end_without_its_marker_is_a_cut",),
    ),
    "CR is sent as it is": Mutation(
        "webapp/streaming/codec.py",
        (('data.replace("\\r\\n", "\\n").replace("\\r", "\\n").split("\\n")', 'data.split("\\n")'),),
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
        "webapp/extensions.py",
        (('"BEGIN IMMEDIATE" if is_write else "BEGIN"', '"BEGIN"'),),
        ("tests/test_extensions.py::test_a_write_begins_at_once_and_a_read_does_not_claim_the_file",),
    ),
    "every wait is waited": Mutation(
        "webapp/generations/ladder.py",
        (("return seconds if seconds <= min(PATIENCE_SECONDS, left) else None", "return seconds"),),
        ("tests/attacks/test_stalls.py::test_nobody_waits_for_as_long_as_a_server_asks",),
    ),
}
