"""Add facts, which answers used them, and what says without a query that there are none.

Revision: 0343
"""

import sqlalchemy as sa
from alembic import op

revision = "0343"
down_revision = "0342"
branch_labels = None
depends_on = None
REFERENCES = {"project_id": "projects", "character_id": "characters", "message_id": "messages", "call_id": "calls"}
OTHERS = ("contradicts_id", "replaced_by_id")


def upgrade() -> None:
    op.create_table(
        "facts",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        *(sa.Column(name, sa.String(26), nullable=True) for name in (*REFERENCES, *OTHERS)),
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("source_kind", sa.String(10), nullable=False, server_default=""),
        sa.Column("quote_start", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("quote_end", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("is_outside", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=True),
        _refers("facts", "owner_id", "users", "CASCADE"),
        *(_refers("facts", name, to, "CASCADE" if place < 2 else "SET NULL") for place, (name, to) in enumerate(REFERENCES.items())),
        *(_refers("facts", name, "facts", "SET NULL") for name in OTHERS),
    )
    for name in ("owner_id", *REFERENCES, *OTHERS):
        op.create_index(f"ix_facts_{name}", "facts", [name])
    op.create_table(
        "fact_uses",
        sa.Column("generation_id", sa.String(26), nullable=False),
        sa.Column("fact_id", sa.String(26), nullable=False),
        _refers("fact_uses", "generation_id", "generations", "CASCADE"),
        _refers("fact_uses", "fact_id", "facts", "CASCADE"),
        sa.PrimaryKeyConstraint("generation_id", "fact_id", name="pk_fact_uses"),
    )
    op.create_index("ix_fact_uses_fact_id", "fact_uses", ["fact_id"])
    for table in ("users", "projects"):
        op.add_column(table, sa.Column("has_facts", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("messages", sa.Column("fact_count", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("messages", "fact_count")
    for table in ("projects", "users"):
        op.drop_column(table, "has_facts")
    op.drop_table("fact_uses")
    op.drop_table("facts")


def _refers(table: str, column: str, to: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}", ondelete=ondelete)
