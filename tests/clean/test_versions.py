"""A cleaner's version follows its code, so that no cached result of older code is taken for a new one."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from dataprep.clean import CLEANERS

VERSIONS = Path(__file__).with_name("versions.json")
RECORDED_WITH = (3, 11)  # ast.unparse, which the digests are of, may write the same code otherwise elsewhere
SHARED = ("dataprep.clean.cleaner", "dataprep.clean.prefilter", "dataprep.clean.cuts")
"""What runs the cleaners, and with which kernels: it can change what any of them does."""
ROOMS = ("dataprep.clean", "dataprep.kernels")


def code(name: str) -> ast.Module | None:
    """A module's code without docstrings, comments and the versions themselves; None where there is no such module."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [
                part
                for part in body
                if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
                and not (isinstance(part, ast.AnnAssign) and ast.unparse(part.target) == "version")
            ]
    return tree


def sources(name: str, stop: frozenset[str], found: dict[str, str]) -> dict[str, str]:
    """Code of a module and of those of the cleaners and kernels that it imports, but for some modules."""
    if name in found or name in stop:
        return found
    tree = code(name)
    if tree is None:
        return found
    found[name] = ast.unparse(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = node.module in ROOMS
            for module in [f"{node.module}.{alias.name}" for alias in node.names] if inside else [node.module]:
                if module.startswith(tuple(f"{room}." for room in ROOMS)):
                    sources(module, stop, found)
    return found


def current_versions() -> dict[str, dict[str, int | str]]:
    """Version of each cleaner, and digest of its module, what it imports, and the shared modules and kernels."""
    modules = {name: cleaner.__module__ for name, cleaner in CLEANERS.items()}
    now: dict[str, dict[str, int | str]] = {}
    for name, cleaner in CLEANERS.items():
        others = frozenset(modules.values()) - {modules[name]}
        found: dict[str, str] = {}
        for module in (modules[name], *SHARED):
            sources(module, others, found)
        digest = sha256("\n".join(f"{module}\n{found[module]}" for module in sorted(found)).encode())
        now[name] = {"version": cleaner.version, "code": digest.hexdigest()[:16]}
    return now


@pytest.mark.skipif(sys.version_info[:2] != RECORDED_WITH, reason="digests were recorded with another Python")
def test_versions_follow_the_code() -> None:
    """Where edits change, raise the cleaner's version; then (or where they do not change) run this file as a script."""
    recorded = json.loads(VERSIONS.read_text(encoding="utf-8"))
    changed = [name for name, now in current_versions().items() if recorded.get(name) != now]
    assert not changed, (
        f"code of {changed} changed: raise `version` if edits change, then `python {Path(__file__).name}`"
    )


def test_a_digest_covers_the_helpers_and_kernels_of_a_cleaner_but_no_other_cleaner() -> None:
    others = frozenset({"dataprep.clean.encoding", "dataprep.clean.end_of_text", "dataprep.clean.control_characters"})
    found: dict[str, str] = {}
    for module in ("dataprep.clean.whitespace", *SHARED):
        sources(module, others, found)
    assert {"dataprep.clean.whitespace", "dataprep.clean.code_spans", "dataprep.clean.edits"} <= found.keys()
    assert {"dataprep.kernels.textflags", "dataprep.kernels.textcuts"} <= found.keys()
    assert not others & found.keys()


if __name__ == "__main__":
    VERSIONS.write_text(json.dumps(current_versions(), indent=2) + "\n", encoding="utf-8")
