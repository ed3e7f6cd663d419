"""The base of every configuration model: frozen, and closed to unknown keys."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from itertools import pairwise
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the pipeline file: `("sources", 0, "path")`."""


class Config(BaseModel):
    """A part of the pipeline file. Unknown keys are refused; values never change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler, /) -> dict[str, Any]:
        """The schema with what the docstring under each field says.

        pydantic's `use_attribute_docstrings` would read every model's source at every start (60 ms), for what only the
        schema and the docs want.
        """
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for owner in cls.__mro__:
            if issubclass(owner, Config):
                for name, text in _docstrings(owner).items():
                    if name in properties:
                        properties[name].setdefault("description", text)
        return schema


@cache
def _docstrings(owner: type) -> dict[str, str]:
    """The docstring under each attribute of a class, from its source."""
    module = ast.parse(inspect.getsource(inspect.getmodule(owner) or owner))
    found = {}
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and node.name == owner.__name__:
            for field, below in pairwise(node.body):
                match field, below:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        found[name] = inspect.cleandoc(text)
    return found


class InconsistentError(ValueError):
    """Keys that are fine one by one and do not fit together; `found` holds where (below the model) and what."""

    def __init__(self, found: list[tuple[KeyPath, str]]) -> None:
        super().__init__("; ".join(message for _, message in found))
        self.found = found
