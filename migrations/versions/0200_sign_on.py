"""Add sign-on: providers, who people are there, and which sessions come from them.

Revision: 0200, after 0231
"""

import sqlalchemy as sa
from alembic import op

revision = "0200"
down_revision = "0231"
branch_labels = None
depends_on = None

SESSION_COLUMNS = {"provider_id": sa.String(26), "provider_subject": sa.String(255), "provider_session": sa.String(255)}


def upgrade() -> None:
    op.create_table(
        "identity_providers",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("icon", sa.String(20), nullable=False, server_default="key-round"),
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("client_id", sa.String(300), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False, server_default=""),
        sa.Column("scopes", sa.String(300), nullable=False, server_default=""),
        sa.Column("is_enabled", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("creates_accounts", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("trusts_email", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("signs_out", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("domains", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("required_claim", sa.String(200), nullable=False, server_default=""),
        sa.Column("required_values", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("default_role", sa.String(10), nullable=False, server_default="member"),
        sa.Column("claim_rows", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("contact", sa.String(200), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_identity_providers"),
        sa.UniqueConstraint("name", name="uq_identity_providers_name"),
    )
    op.create_table(
        "identities",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("label", sa.String(254), nullable=False, server_default=""),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_identities_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.add_column("users", sa.Column("has_password", sa.Boolean(), nullable=False, server_default=sa.true()))
    for name, type in SESSION_COLUMNS.items():
        op.add_column("user_sessions", sa.Column(name, type, nullable=False, server_default=""))
    op.add_column("user_sessions", sa.Column("id_token", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for name in ("id_token", *reversed(SESSION_COLUMNS)):
        op.drop_column("user_sessions", name)
    op.drop_column("users", "has_password")
    op.drop_index("ix_identities_user_id", "identities")
    op.drop_table("identities")
    op.drop_table("identity_providers")
