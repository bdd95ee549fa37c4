"""How the modules beside this one declare the tables of release 1.5: apart from the application's, which go on changing."""

from functools import partial

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, Table, UniqueConstraint, text
from sqlalchemy.schema import CreateIndex, CreateTable

METADATA = MetaData(
    naming_convention={
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
MOMENT = DateTime(timezone=True)
# SQLite numbers rows by itself only in a column of this type.
ROW = BigInteger().with_variant(Integer(), "sqlite")
HEAD_KEY = "fk_chats_head_id_messages"
required, optional = partial(Column, nullable=False), partial(Column, nullable=True)


def table(name: str, *parts: Column | Index | UniqueConstraint, **options: bool) -> Table:
    """Declares a table; its indexes are made in their order here, which decides between two that serve SQLite equally."""
    return Table(name, METADATA, *parts, info={"indexes": [part for part in parts if isinstance(part, Index)]}, **options)


def where(condition: str, *, postgresql: str = "") -> dict[str, object]:
    """Returns the options of an index that has only some rows; PostgreSQL's condition is given where it is another one."""
    return {"sqlite_where": text(condition), "postgresql_where": text(postgresql or condition)}


def create() -> None:
    """Creates all tables with their indexes."""
    for made in METADATA.sorted_tables:
        op.execute(CreateTable(made))
        for index in made.info["indexes"]:
            op.execute(CreateIndex(index))
    if op.get_bind().dialect.supports_alter:
        # Chats and messages refer to each other; SQLite has the key already.
        op.create_foreign_key(HEAD_KEY, "chats", "messages", ["head_id"], ["id"], ondelete="SET NULL")


def drop() -> None:
    if op.get_bind().dialect.supports_alter:
        op.drop_constraint(HEAD_KEY, "chats", type_="foreignkey")
    for made in reversed(METADATA.sorted_tables):
        op.drop_table(made.name)
