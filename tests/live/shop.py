"""The shop of the attacks (tests/connectors/databases/attacks.py), in servers, with a little more in it."""

from typing import Any

import psycopg
from psycopg import sql
from tests.connectors.databases.attacks import SECRET, WORD

READER, PASSWORD = "reader", "pa55-of-the-reader"
_SHOP = [
    "CREATE TABLE customers(id INTEGER PRIMARY KEY, name VARCHAR(100), email VARCHAR(100), country VARCHAR(2))",
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), total DOUBLE PRECISION, "
    "note VARCHAR(100))",
    "CREATE INDEX by_customer ON orders(customer_id)",
    "CREATE TABLE secrets(id INTEGER PRIMARY KEY, word VARCHAR(100))",
    "CREATE VIEW clean AS SELECT id, country FROM customers",
    "CREATE VIEW leaky AS SELECT id, email AS contact FROM customers",
    f"INSERT INTO customers VALUES (1, 'Ada', '{SECRET}', 'uk'), (2, 'Bob', 'bob@example.org', 'us')",
    "INSERT INTO orders VALUES (1, 1, 9.5, 'first'), (2, 2, 5, 'second')",
    f"INSERT INTO secrets VALUES (1, '{WORD}')",
    # What is written to; parts go with their entries.
    "CREATE TABLE entries(id INTEGER PRIMARY KEY, amount INTEGER, note VARCHAR(100) NOT NULL, pin VARCHAR(10))",
    "CREATE TABLE parts(id INTEGER PRIMARY KEY, entry_id INTEGER, "
    "FOREIGN KEY (entry_id) REFERENCES entries(id) ON DELETE CASCADE)",
    "CREATE INDEX by_pin ON entries(pin)",
    "INSERT INTO entries VALUES (1, 10, 'a', '9'), (2, 20, 'b', '8'), (3, 30, 'c', '7')",
    "INSERT INTO parts VALUES (1, 3), (2, 3)",
]
_POSTGRES = [
    "CREATE TABLE events(id INTEGER, customer_id INTEGER, email TEXT) PARTITION BY RANGE (id)",
    "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100)",
    f"INSERT INTO events VALUES (1, 1, '{SECRET}')",
    "CREATE SEQUENCE numbers",
    "GRANT ALL ON SEQUENCE numbers TO PUBLIC",
    "CREATE SCHEMA sales",
    "CREATE TABLE sales.leads(id INTEGER PRIMARY KEY, email TEXT)",
    f"INSERT INTO sales.leads VALUES (1, '{SECRET}')",
    "CREATE MATERIALIZED VIEW kept AS SELECT id, email FROM customers",
    "CREATE FUNCTION email_of(integer) RETURNS text LANGUAGE sql STABLE "
    "AS 'SELECT email::text FROM customers WHERE id = $1'",
    "CREATE TABLE big AS SELECT n AS id, n % 100 AS part, repeat('x', 20) AS text FROM generate_series(1, 100000) n",
    "CREATE UNIQUE INDEX big_id ON big(id)",
    "CREATE TABLE kinds(a numeric(10,2), b timestamptz, c uuid, d jsonb, e bytea, f integer[], g interval, h boolean, "
    "i bigint)",
    "INSERT INTO kinds VALUES (1.5, '2026-01-02 03:04:05+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"k\": [1]}', "
    "'\\x0102', '{1,2}', '1 day', true, 9007199254740993)",
    "ANALYZE",
]


def in_postgres(address: str) -> str:
    """Make the shop and an account that may read all of it, and give the account's address."""
    with psycopg.connect(address, autocommit=True) as db:
        for statement in (*_SHOP, *_POSTGRES):
            db.execute(sql.SQL(statement))  # type: ignore[arg-type]
        db.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(READER), sql.Literal(PASSWORD)))
        for schema in ("public", "sales"):
            db.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), sql.Identifier(READER)))
            db.execute(
                sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA {} TO {}").format(
                    sql.Identifier(schema), sql.Identifier(READER)
                )
            )
    return address.replace("postgres@", f"{READER}:{PASSWORD}@")


def in_mariadb(address: str) -> str:
    """Make the shop in a database of its own, and give its address."""
    pymysql: Any = __import__("pymysql")
    host, port = address.removeprefix("mysql://root@").rstrip("/").split(":")
    db = pymysql.connect(host=host, port=int(port), user="root", autocommit=True)
    with db.cursor() as cursor:
        cursor.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
        cursor.execute("USE shop")
        for statement in _SHOP:
            cursor.execute(statement)
        cursor.execute("CREATE TABLE big(id INTEGER PRIMARY KEY, part INTEGER, text VARCHAR(40))")
        cursor.execute("INSERT INTO big SELECT seq, seq % 100, repeat('x', 20) FROM seq_1_to_100000")
        cursor.execute("ANALYZE TABLE big, customers, orders")
        cursor.execute(f"CREATE USER '{READER}'@'%' IDENTIFIED BY '{PASSWORD}'")
        cursor.execute(f"GRANT ALL ON *.* TO '{READER}'@'%'")
    db.close()
    return f"mysql://{READER}:{PASSWORD}@{host}:{port}/shop"
