"""Add connections, groups, tokens, the audit log, and people's preferences.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_tables()
    add_columns()


def downgrade() -> None:
    with op.batch_alter_table('users') as table:
        table.drop_column('default_model')
        table.drop_column('theme')

    with op.batch_alter_table('invites') as table:
        table.drop_constraint('fk_invites_user_id_users', type_='foreignkey')
        table.drop_constraint('fk_invites_created_by_users', type_='foreignkey')
        table.drop_column('created_by')
        table.drop_column('user_id')
        table.drop_column('email')

    with op.batch_alter_table('generations') as table:
        table.drop_column('upstream_id')
        table.drop_column('connection')
        table.drop_column('attempts')

    with op.batch_alter_table('application_settings') as table:
        table.drop_column('ciphertext')

    with op.batch_alter_table('memberships') as table:
        table.drop_index('ix_memberships_user_id')

    op.drop_table('memberships')
    with op.batch_alter_table('audit_entries') as table:
        table.drop_index('ix_audit_entries_at')

    op.drop_table('audit_entries')
    with op.batch_alter_table('api_tokens') as table:
        table.drop_index('ix_api_tokens_user_id')

    op.drop_table('api_tokens')
    op.drop_table('groups')
    op.drop_table('connections')


def add_tables() -> None:
    op.create_table('connections',
    sa.Column('id', sa.String(26), nullable=False),
    sa.Column('slug', sa.String(40), nullable=False),
    sa.Column('name', sa.String(80), nullable=False),
    sa.Column('kind', sa.String(20), nullable=False),
    sa.Column('base_url', sa.String(300), nullable=False),
    sa.Column('key_ciphertext', sa.Text(), nullable=False),
    sa.Column('key_last_four', sa.String(4), nullable=False),
    sa.Column('default_model', sa.String(200), nullable=False),
    sa.Column('continuation', sa.String(10), nullable=False),
    sa.Column('is_enabled', sa.Boolean(), nullable=False),
    sa.Column('models', sa.JSON(), nullable=False),
    sa.Column('models_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('check_result', sa.String(300), nullable=False),
    sa.Column('is_working', sa.Boolean(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name='pk_connections'),
    sa.UniqueConstraint('slug', name='uq_connections_slug')
    )
    op.create_table('groups',
    sa.Column('id', sa.String(26), nullable=False),
    sa.Column('name', sa.String(120), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name='pk_groups'),
    sa.UniqueConstraint('name', name='uq_groups_name')
    )
    op.create_table('api_tokens',
    sa.Column('id', sa.String(26), nullable=False),
    sa.Column('user_id', sa.String(26), nullable=False),
    sa.Column('name', sa.String(120), nullable=False),
    sa.Column('token_hash', sa.String(64), nullable=False),
    sa.Column('last_four', sa.String(4), nullable=False),
    sa.Column('scopes', sa.String(200), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='fk_api_tokens_user_id_users', ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name='pk_api_tokens'),
    sa.UniqueConstraint('token_hash', name='uq_api_tokens_token_hash')
    )
    with op.batch_alter_table('api_tokens') as table:
        table.create_index('ix_api_tokens_user_id', ['user_id'], unique=False)

    op.create_table('audit_entries',
    sa.Column('id', sa.String(26), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.String(26), nullable=True),
    sa.Column('actor', sa.String(254), nullable=False),
    sa.Column('address', sa.String(60), nullable=False),
    sa.Column('action', sa.String(60), nullable=False),
    sa.Column('object_kind', sa.String(30), nullable=False),
    sa.Column('object_id', sa.String(80), nullable=False),
    sa.Column('detail', sa.String(300), nullable=False),
    sa.Column('is_refused', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name='fk_audit_entries_actor_id_users', ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name='pk_audit_entries')
    )
    with op.batch_alter_table('audit_entries') as table:
        table.create_index('ix_audit_entries_at', ['at'], unique=False)

    op.create_table('memberships',
    sa.Column('group_id', sa.String(26), nullable=False),
    sa.Column('user_id', sa.String(26), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['groups.id'], name='fk_memberships_group_id_groups', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='fk_memberships_user_id_users', ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('group_id', 'user_id', name='pk_memberships')
    )
    with op.batch_alter_table('memberships') as table:
        table.create_index('ix_memberships_user_id', ['user_id'], unique=False)



def add_columns() -> None:
    with op.batch_alter_table('application_settings') as table:
        table.add_column(sa.Column('ciphertext', sa.Text(), server_default='', nullable=False))

    with op.batch_alter_table('generations') as table:
        table.add_column(sa.Column('attempts', sa.JSON(), server_default='[]', nullable=False))
        table.add_column(sa.Column('connection', sa.String(40), server_default='', nullable=False))
        table.add_column(sa.Column('upstream_id', sa.String(120), server_default='', nullable=False))

    with op.batch_alter_table('invites') as table:
        table.add_column(sa.Column('email', sa.String(254), server_default='', nullable=False))
        table.add_column(sa.Column('user_id', sa.String(26), nullable=True))
        table.add_column(sa.Column('created_by', sa.String(26), nullable=True))
        table.create_foreign_key('fk_invites_created_by_users', 'users', ['created_by'], ['id'], ondelete='SET NULL')
        table.create_foreign_key('fk_invites_user_id_users', 'users', ['user_id'], ['id'], ondelete='CASCADE')

    with op.batch_alter_table('users') as table:
        table.add_column(sa.Column('theme', sa.String(10), server_default='', nullable=False))
        table.add_column(sa.Column('default_model', sa.String(200), server_default='', nullable=False))


