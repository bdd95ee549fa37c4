"""Make the schema of release 1.5; the modules in `migrations/schema` declare its tables.

Revision: 0320, the first
"""

from alembic import op

from migrations.schema import search, tables
# Each declares the tables of a room.
from migrations.schema import base, characters, chat, engine, knowledge, models, operations, people, plans  # noqa: F401
from migrations.schema import prompts, settings, tools, workflows, workspace  # noqa: F401

revision = "0320"
down_revision = None
branch_labels = None
depends_on = None

# name, limit, warning threshold, minutes of the window, minimum number of answers
RULES = (
    ("success", 0.95, 0.97, 15, 20),
    # Off, as one second is what no local and no reasoning model keeps.
    ("first_text", 1000, 800, 15, 20),
    ("fallback", 0.1, 0.08, 15, 20),
    ("errors", 0.05, 0.03, 15, 20),
    ("budget", 0.999, 0.8, 0, 0),
    ("disk", 500, 2000, 0, 0),
    ("backup", 8, 7, 0, 0),
    ("key", 0, 0, 0, 0),
    ("credit", 0, 0, 0, 0),
    ("slower", 3, 2, 60, 20),
    ("proof", 0, 0, 1, 0),
)


def upgrade() -> None:
    tables.create()
    if op.get_bind().dialect.name == "postgresql":
        # Vectors hardly compress, so PostgreSQL must not try.
        op.execute("ALTER TABLE passage_vectors ALTER COLUMN vector SET STORAGE EXTERNAL")
    search.create()
    add_alert_rules()


def downgrade() -> None:
    search.drop()
    tables.drop()


def add_alert_rules() -> None:
    names = ("name", "bound", "warn_at", "window_minutes", "min_samples")
    fresh = {"state": "no_data", "is_open": False, "samples": 0}
    rows = [{**dict(zip(names, rule)), **fresh, "is_enabled": rule[0] != "first_text"} for rule in RULES]
    op.bulk_insert(tables.METADATA.tables["alert_rules"], rows)
