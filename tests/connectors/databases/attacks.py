"""What is tried against masked columns and hidden tables, for every engine: each with a legal twin that passes.

The tables: customers(id, name, email, country) with email masked, orders(id, customer_id, total, note), secrets(id,
word) denied, views clean(id, country) and leaky(id, contact), which reads customers.email.
"""

from dragoman.connectors.databases.database import Database
from dragoman.connectors.view import ALL
from dragoman.errors import ToolError

SECRET = "ada@example.org"
WORD = "xyzzy-plugh"

# (attack, legal twin)
COMMON = [
    ("SELECT email FROM customers", "SELECT name FROM customers"),
    ("SELECT EMAIL FROM customers", "SELECT NAME FROM customers"),
    ("SELECT c.email FROM customers AS c", "SELECT c.name FROM customers AS c"),
    ("SELECT customers.email FROM customers", "SELECT customers.name FROM customers"),
    ("SELECT * FROM customers", "SELECT * FROM orders"),
    ("SELECT c.* FROM customers c", "SELECT o.* FROM orders o"),
    ("SELECT o.*, c.* FROM orders o, customers c", "SELECT o.*, c.name FROM orders o, customers c"),
    ("SELECT * FROM orders, customers", "SELECT orders.* FROM orders, customers"),
    (
        "SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id",
        "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id",
    ),
    ("SELECT x FROM (SELECT email AS x FROM customers) q", "SELECT x FROM (SELECT name AS x FROM customers) q"),
    (
        "SELECT q.x FROM (SELECT lower(email) AS x FROM customers) q",
        "SELECT q.x FROM (SELECT lower(name) AS x FROM customers) q",
    ),
    (
        "WITH q AS (SELECT email FROM customers) SELECT * FROM q",
        "WITH q AS (SELECT name FROM customers) SELECT * FROM q",
    ),
    (
        "WITH q AS (SELECT * FROM customers) SELECT id FROM q",
        "WITH q AS (SELECT id, name FROM customers) SELECT * FROM q",
    ),
    (
        "WITH q(id, name, x, country) AS (SELECT * FROM customers) SELECT x FROM q",
        "WITH q(a, x) AS (SELECT id, name FROM customers) SELECT x FROM q",
    ),
    (
        "WITH customers AS (SELECT * FROM customers) SELECT 1 FROM customers",
        "WITH mine AS (SELECT id FROM customers) SELECT 1 FROM mine",
    ),
    ("SELECT id FROM customers WHERE email LIKE 'a%'", "SELECT id FROM customers WHERE name LIKE 'A%'"),
    ("SELECT id FROM customers ORDER BY email", "SELECT id FROM customers ORDER BY name"),
    ("SELECT count(*) FROM customers GROUP BY email", "SELECT count(*) FROM customers GROUP BY country"),
    (
        "SELECT country FROM customers GROUP BY country HAVING max(email) > 'a'",
        "SELECT country FROM customers GROUP BY country HAVING max(name) > 'A'",
    ),
    ("SELECT max(email) FROM customers", "SELECT max(name) FROM customers"),
    ("SELECT count(email) FROM customers", "SELECT count(*) FROM customers"),
    (
        "SELECT row_number() OVER (ORDER BY email) FROM customers",
        "SELECT row_number() OVER (ORDER BY name) FROM customers",
    ),
    (
        "SELECT sum(id) OVER w FROM customers WINDOW w AS (PARTITION BY email)",
        "SELECT sum(id) OVER w FROM customers WINDOW w AS (PARTITION BY country)",
    ),
    (
        "SELECT CASE WHEN email > 'b' THEN 1 ELSE 0 END FROM customers",
        "SELECT CASE WHEN name > 'b' THEN 1 ELSE 0 END FROM customers",
    ),
    (
        "SELECT (SELECT c.email FROM customers c WHERE c.id = o.customer_id) FROM orders o",
        "SELECT (SELECT c.name FROM customers c WHERE c.id = o.customer_id) FROM orders o",
    ),
    (
        "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM customers c WHERE c.email = orders.note)",
        "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM customers c WHERE c.name = orders.note)",
    ),
    (
        "SELECT id FROM orders WHERE note IN (SELECT email FROM customers)",
        "SELECT id FROM orders WHERE note IN (SELECT name FROM customers)",
    ),
    (
        "SELECT id FROM orders UNION SELECT email FROM customers",
        "SELECT note FROM orders UNION SELECT name FROM customers",
    ),
    (
        "SELECT note FROM orders UNION ALL SELECT x FROM (SELECT email AS x FROM customers) q",
        "SELECT note FROM orders UNION ALL SELECT x FROM (SELECT name AS x FROM customers) q",
    ),
    (
        "SELECT a.id FROM customers a NATURAL JOIN customers b",
        "SELECT a.id FROM customers a JOIN customers b ON a.id = b.id",
    ),
    (
        "SELECT a.id FROM customers a JOIN customers b USING (email)",
        "SELECT a.id FROM customers a JOIN customers b USING (id)",
    ),
    (
        "SELECT c.id FROM orders o JOIN customers c ON c.email = o.note",
        "SELECT c.id FROM orders o JOIN customers c ON c.name = o.note",
    ),
    ("SELECT contact FROM leaky", "SELECT country FROM clean"),
    ("SELECT id FROM leaky", "SELECT id FROM clean"),
    ("SELECT count(*) FROM leaky", "SELECT count(*) FROM clean"),
    ("SELECT * FROM secrets", "SELECT * FROM orders"),
    ("SELECT word FROM secrets s", "SELECT note FROM orders s"),
    ("SELECT 1 WHERE EXISTS (SELECT 1 FROM secrets)", "SELECT 1 WHERE EXISTS (SELECT 1 FROM orders)"),
    (
        "SELECT s.* FROM secrets s, (WITH secrets AS (SELECT 1 AS a) SELECT a FROM secrets) q",
        "SELECT s.id FROM orders s, (WITH mine AS (SELECT 1 AS a) SELECT a FROM mine) q",
    ),
    (
        "WITH secrets AS (SELECT word FROM secrets) SELECT word FROM secrets",
        "WITH mine AS (SELECT note FROM orders) SELECT note FROM mine",
    ),
    ("SELECT customers FROM customers", "SELECT name FROM customers"),
    (
        "SELECT x.email FROM (orders o JOIN customers c ON c.id = o.customer_id) AS x",
        "SELECT c.name FROM (orders o JOIN customers c ON c.id = o.customer_id)",
    ),
    ("SELECT a FROM customers AS c(a, b, e, f)", "SELECT id FROM customers AS c"),
    ("SELECT id /* */ , /* x */ email -- y\nFROM customers", "SELECT id /* */ , /* x */ name -- y\nFROM customers"),
    ("EXPLAIN SELECT email FROM customers", "EXPLAIN SELECT name FROM customers"),
    ("SELECT coalesce(email, '') || 'x' FROM customers", "SELECT coalesce(name, '') || 'x' FROM customers"),
    ("SELECT DISTINCT email FROM customers", "SELECT DISTINCT country FROM customers"),
    (
        "SELECT id FROM customers EXCEPT SELECT id FROM customers WHERE email = 'x'",
        "SELECT id FROM customers EXCEPT SELECT id FROM customers WHERE name = 'x'",
    ),
    ("VALUES ((SELECT email FROM customers LIMIT 1))", "VALUES ((SELECT name FROM customers LIMIT 1))"),
    (
        "WITH RECURSIVE r(n, e) AS (SELECT 1, email FROM customers UNION ALL SELECT n + 1, e FROM r WHERE n < 2) "
        "SELECT e FROM r",
        "WITH RECURSIVE r(n, e) AS (SELECT 1, name FROM customers UNION ALL SELECT n + 1, e FROM r WHERE n < 2) "
        "SELECT e FROM r",
    ),
]
SQLITE = [
    ('SELECT "email" FROM customers', 'SELECT "name" FROM customers'),
    ("SELECT [email] FROM customers", "SELECT [name] FROM customers"),
    ("SELECT `Email` FROM customers", "SELECT `Name` FROM customers"),
    ("SELECT c.'email' FROM customers c", "SELECT c.name FROM customers c"),
    ("SELECT main.customers.email FROM main.customers", "SELECT main.customers.name FROM main.customers"),
    ("SELECT sql FROM sqlite_master", "SELECT note FROM orders"),
    ("SELECT sql FROM sqlite_schema", "SELECT note FROM orders"),
    ("SELECT * FROM pragma_table_info('customers')", "SELECT value FROM json_each('[1]')"),
    ("SELECT * FROM sqlite_stat4", "SELECT id FROM orders"),
    ("SELECT json_object('a', email) FROM customers", "SELECT json_object('a', name) FROM customers"),
    ("SELECT * FROM words_of_secrets('xyzzy')", "SELECT * FROM words WHERE words MATCH 'hello'"),
    ("SELECT c0 FROM words_of_secrets_content", "SELECT a FROM words"),
    (
        "SELECT id FROM customers WHERE id IN (SELECT rowid FROM words_of_secrets)",
        "SELECT id FROM customers WHERE id IN (SELECT id FROM orders)",
    ),
]


def tried(shop: Database, sql: str) -> tuple[str, str]:
    """Return the rows that a statement brought, as text, and what was said when it was refused."""
    try:
        return str(shop.query(ALL, sql, 0, 100, "").rows), ""
    except ToolError as fault:
        return "", fault.message
