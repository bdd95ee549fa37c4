"""The outcome of a generation: maps its reason to a status. Pure."""

from dataclasses import dataclass

from .events import Failed, Status

BUDGET = "budget"
STOPPED = {"user", "idle_listener", "client_gone", "expired"}
CUT_ON_PURPOSE = {"sentence_limit", "token_limit", "cap", BUDGET}
NEVER_BEGUN = {"auth", "credit", "rate", "invalid", "no_text"}
# The same request fails again until someone changes the key, the account or the request.
PERMANENT = {"auth", "credit", "invalid"}
SENTENCES = {
    "first_byte": "The model didn't start to answer in time.",
    "stall": "The model went silent in the middle of its answer.",
    "total_time": "The answer exceeded this server's time limit.",
    "server_restart": "The server was restarted while this was being written.",
    "cut": "The connection to the model was lost.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    status: Status
    reason: str
    failure: Failed | None = None


# Of a run that waits for a person. Where that can't be stored, it was interrupted, and is continued after a restart.
PARKED_OUTCOME = Outcome("interrupted", "server_restart")


def completed_outcome(reason: str) -> Outcome:
    """Returns the outcome of an answer that the provider reports as complete."""
    return Outcome("completed", reason)


def stopped_outcome(reason: str, *, has_text: bool) -> Outcome:
    """Returns the outcome of a requested end: by a person, a limit, a timeout or the shutdown."""
    if reason in STOPPED:
        return Outcome("stopped", reason)
    if reason in CUT_ON_PURPOSE:
        return Outcome("completed", reason)
    return failed_outcome(Failed(reason, SENTENCES.get(reason, "It was ended."), retryable=True), has_text=has_text)


def failed_outcome(failure: Failed, *, has_text: bool) -> Outcome:
    """Returns the outcome of a failure."""
    reason = "stall" if failure.code == "first_byte" else failure.code
    is_kept = has_text and reason not in NEVER_BEGUN
    return Outcome("interrupted" if is_kept or reason == "server_restart" else "failed", reason, failure)
