"""Which package brings the SQLAlchemy dialect of an address, so that one that is missing can be named.

Limit: a list; a dialect that is not in it works all the same, by DIALECT+DRIVER.
"""

from __future__ import annotations

# Scheme -> what pip installs for it. Those of SQLAlchemy's own need a driver only.
PACKAGES = {
    "athena": "pyathena[sqlalchemy]", "awsathena": "pyathena[sqlalchemy]", "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy", "clickhousedb": "clickhouse-connect", "databricks": "databricks-sqlalchemy",
    "cockroachdb": "sqlalchemy-cockroachdb", "db2": "ibm-db-sa", "exa": "sqlalchemy-exasol", "hana": "sqlalchemy-hana",
    "ibm_db_sa": "ibm-db-sa", "mssql": "pyodbc", "oracle": "oracledb", "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy", "starrocks": "starrocks", "teradatasql": "teradatasqlalchemy",
    "trino": "trino[sqlalchemy]",
}  # fmt: skip


def missing(scheme: str) -> str:
    """Return what to install for an address of this scheme, in words."""
    package = PACKAGES.get(scheme.partition("+")[0].lower())
    if package is None:
        return "the package that brings its dialect and driver for SQLAlchemy is not installed"
    return f'it needs {package}: pip install "{package}"'
