"""Deletes what its days are over for, as long as the server runs: every quarter of an hour, in one of several workers."""

from webapp.base import keeping_clock
from webapp.chat.messages import keeping
from webapp.engine.chores import Chore, run_steps
from webapp.people.audit_retention import forget_old_entries

STEPS = (keeping_clock.look, keeping.sweep, forget_old_entries)


def sweep() -> bool:
    """Runs every sweep; there is always a next time, as a command of another process can change the rules."""
    run_steps(STEPS)
    return True


wake = Chore("keeping", sweep, every_seconds=900.0, most_seconds=60.0).wake
