"""The health feature: probes for monitoring, a page for admins, and commands to check, back up and restore."""

from webapp.operations.health import model_lists, nightly
from webapp.people.receipts.service import Backups
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

COMMANDS = ("check", "backup", "restore", "rehearse", "perform-rehearsal", "version")
FEATURE = Feature(
    blueprints=("webapp.operations.health.views:probes", "webapp.operations.health.views:bp"),
    commands={name: f"webapp.operations.health.commands:{name.replace('-', '_')}" for name in COMMANDS},
    brings=(Backups(nightly.held),),
    resumes=(nightly.wake, model_lists.wake),
    navigation=(
        NavEntry(
            title="Health",
            path="/admin/health",
            icon="activity",
            under="System",
            rank=10,
            also="self-test proxy streaming database disk version",
            right="administer",
            about="Whether everything works: database, disk, streaming, backups.",
        ),
    ),
)
