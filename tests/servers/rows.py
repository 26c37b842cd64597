"""Reads rows of a database that may be in use: rows.py FILE|URL SQL prints a JSON array of objects. Ids come as UUIDs."""

import json
import os
import shutil
import sqlite3
import sys
import tempfile
import uuid


def plain(value):
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value)) if len(value) == 16 else value.hex()
    return value


def of_postgres(url, sql):
    import pg8000.dbapi
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = pg8000.dbapi.connect(
        user=parts.username, password=parts.password, host=parts.hostname, port=parts.port, database=parts.path[1:]
    )
    cursor = connection.cursor()
    cursor.execute(sql)
    return cursor


def of_sqlite(file, sql):
    if file.startswith("/proc/"):
        # SQLite would resolve the way into another process's mounts back to our own: a copy is read instead.
        folder = tempfile.mkdtemp()
        for suffix in ("", "-wal"):
            if os.path.exists(file + suffix):
                shutil.copy(file + suffix, os.path.join(folder, "copy.db" + suffix))
        file = os.path.join(folder, "copy.db")
    mode = "rw" if file.endswith("copy.db") else "ro"
    database = sqlite3.connect(f"file:{file}?mode={mode}", uri=True, timeout=30)
    return database.execute(sql)


place, sql = sys.argv[1:]
cursor = of_postgres(place, sql) if place.startswith("postgres") else of_sqlite(place, sql)
names = [column[0] for column in cursor.description]
print(json.dumps([dict(zip(names, map(plain, row))) for row in cursor]))
