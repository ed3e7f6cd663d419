"""Reads the SQL files that the package carries, from a checkout or from a wheel alike."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read_sql(name: str) -> str:
    """The text of `sql/<name>.sql`.

    >>> "create" in read_sql("steps/rows")
    True
    """
    return files("sql").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def quote_identifier(name: str) -> str:
    """An SQL identifier that stands for exactly this name, whatever it contains.

    >>> quote_identifier('a "b" c')
    '"a ""b"" c"'
    """
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """An SQL string literal, for the places that take no bound value: view definitions, ATTACH, COMMENT ON.

    >>> quote_literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"
