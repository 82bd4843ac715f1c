"""Uses every table of a database as an application does: rows by key, lists by foreign key, pages, counts, updates, deletions."""

import os
import random
import sys
import time

from sqlalchemy import MetaData, and_, create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError

random.seed(7)
ends = time.monotonic() + float(sys.argv[1])
engine = create_engine(os.environ["DATABASE_URL"].replace("postgres:", "postgresql+psycopg2:", 1))
metadata = MetaData()
metadata.reflect(engine)
refused = set()

with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:

    def attempt(statement):
        if time.monotonic() > ends:
            return []
        try:
            result = session.execute(statement)
            return result.fetchall() if result.returns_rows else []
        except SQLAlchemyError as error:
            refused.add(type(error).__name__)
            return []

    def same(columns, row):
        return and_(*[column == getattr(row, column.name) for column in columns])

    # Those that refer before those that they refer to, so that rows can be deleted.
    for table in reversed(metadata.sorted_tables):
        key = list(table.primary_key.columns)
        rows = attempt(select(table).limit(5000))
        if len(rows) < 100 or not key:
            continue
        for _ in range(60):
            attempt(select(table).where(same(key, random.choice(rows))))
        for reference in table.foreign_key_constraints:
            for _ in range(25):
                attempt(select(table).where(same(reference.columns, random.choice(rows))).limit(25))
        for page in range(12):
            attempt(select(table).order_by(*key).limit(25).offset(25 * page))
            attempt(select(func.count()).select_from(table))
        rest = [column for column in table.columns if not column.primary_key and not column.foreign_keys][:3]
        for row in random.sample(rows, 30):
            if rest:
                attempt(table.update().where(same(key, row)).values({column.name: getattr(row, column.name) for column in rest}))
        for row in random.sample(rows, 12):
            attempt(table.delete().where(same(key, row)))
    session.exec_driver_sql("ANALYZE")
print(f"{len(metadata.tables)} tables; refused: {sorted(refused)}")
