"""Changes rows of a database that may be in use: change.py FILE|URL SQL prints how many, as JSON."""

import json
import sqlite3
import sys


def of_postgres(url):
    import pg8000.dbapi
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return pg8000.dbapi.connect(
        user=parts.username, password=parts.password, host=parts.hostname, port=parts.port, database=parts.path[1:]
    )


place, sql = sys.argv[1:]
connection = of_postgres(place) if place.startswith("postgres") else sqlite3.connect(f"file:{place}?mode=rw", uri=True, timeout=30)
cursor = connection.cursor()
cursor.execute(sql)
connection.commit()
print(json.dumps(cursor.rowcount))
