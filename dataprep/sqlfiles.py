"""Reads the SQL files that the package carries, from a checkout or from a wheel alike."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path


@cache
def read_sql(name: str) -> str:
    """The text of `sql/<name>.sql`.

    >>> "create" in read_sql("steps/gather")
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


def parquet_list(paths: Iterable[Path]) -> str:
    """A list of files for `read_parquet` in statements that take no bound value.

    >>> parquet_list([Path("a.parquet"), Path("it's.parquet")])
    "['a.parquet', 'it''s.parquet']"
    """
    return "[" + ", ".join(quote_literal(str(path)) for path in paths) + "]"
