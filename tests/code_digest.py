"""A digest of code: what a step's hand-kept version number must follow.

Comments, docstrings and the version numbers themselves do not count; what a module imports from the rooms named does.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Collection, Iterable
from hashlib import sha256
from pathlib import Path

_VERSION_NAMES = ("version", "INGEST_VERSION", "KEYS_VERSION", "GATHER_VERSION", "DECIDE_VERSION")


def code_digest(
    modules: Iterable[str], *, rooms: Collection[str], without: Collection[str] = (), sql: Iterable[Path] = ()
) -> str:
    """Of modules, of what they import, directly or not, from `rooms` (packages), except `without`, and of SQL files."""
    found = {path.name: _statements(path) for path in sql}
    for module in modules:
        _collect(module, tuple(rooms), frozenset(without), found)
    return sha256("\n".join(f"{name}\n{found[name]}" for name in sorted(found)).encode()).hexdigest()[:16]


def imported_modules(modules: Iterable[str], *, rooms: Collection[str], without: Collection[str] = ()) -> set[str]:
    """Names of the modules that `code_digest` covers."""
    found: dict[str, str] = {}
    for module in modules:
        _collect(module, tuple(rooms), frozenset(without), found)
    return set(found)


def _statements(path: Path) -> str:
    """SQL without its comments and line breaks."""
    lines = (line.partition("--")[0] for line in path.read_text(encoding="utf-8").splitlines())
    return " ".join(" ".join(lines).split())


def _collect(name: str, rooms: tuple[str, ...], without: frozenset[str], found: dict[str, str]) -> None:
    if name in found or name in without:
        return
    tree = _code(name)
    if tree is None:
        return
    found[name] = ast.unparse(tree)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.ImportFrom) and node.module):
            continue
        candidates = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for module in candidates:
            if module in rooms or module.startswith(tuple(f"{room}." for room in rooms)):
                _collect(module, rooms, without, found)


def _code(name: str) -> ast.Module | None:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_beside_the_point(part)]
        if isinstance(node, ast.Call):
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "version"]
    return tree


def _is_beside_the_point(part: ast.stmt) -> bool:
    if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
        return True
    return isinstance(part, ast.AnnAssign) and ast.unparse(part.target) in _VERSION_NAMES
