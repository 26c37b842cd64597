"""Reads rows of a SQLite file that may be in use: rows.py FILE SQL prints a JSON array of objects. Ids come as UUIDs."""

import json
import sqlite3
import sys
import uuid


def plain(value):
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value)) if len(value) == 16 else value.hex()
    return value


file, sql = sys.argv[1:]
database = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)
cursor = database.execute(sql)
names = [column[0] for column in cursor.description]
print(json.dumps([dict(zip(names, map(plain, row))) for row in cursor]))
