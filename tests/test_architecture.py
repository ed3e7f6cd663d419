"""The walls of the house: who may import whom, and what no module may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = ("dataprep", "audit", "reports", "sql")
"""Packages of the data side."""

FOUNDATION = frozenset({"beside", "console", "errors", "sqlfiles", "kernels", "config", "digests", "record"})
"""What any room may use: unfinished outputs, safe printing, errors, SQL, kernels, configurations, digests, records."""

ALLOWED: dict[str, frozenset[str]] = {
    # The foundation knows nothing above it.
    "errors": frozenset({"console"}),  # what an error quotes is made safe to print
    "sqlfiles": frozenset(),
    "digests": frozenset({"kernels"}),
    "beside": frozenset(),
    "console": frozenset(),
    "kernels": frozenset({"console", "errors"}),  # a compiler that does not work is an error with a next step
    "config": frozenset(),
    "record": frozenset({"digests"}),
    "events": frozenset({"errors"}),
    "memory": frozenset({"errors"}),
    "program": frozenset({"console", "errors"}),
    "ordered": frozenset({"events"}),
    # The rooms of the flow do not know each other; what one gives the next are batches and tables.
    "ingest": FOUNDATION,
    "clean": FOUNDATION | {"store"},  # store.tables: the layout of edits, which the ledger publishes
    "signals": FOUNDATION,
    "pairs": FOUNDATION,
    "dedup": FOUNDATION | {"ingest", "pairs"},  # near duplicates of one file, without a store
    "rules": FOUNDATION | {"pipeline"},  # pipeline.quoting: how a mistake quotes what the user wrote
    "splits": FOUNDATION,
    # The pipeline file looks at data to write itself, and knows the default rules. It prepares and decides nothing.
    "pipeline": FOUNDATION | {"ingest", "rules"},
    # The store writes and reads what was decided. It does not know how rows are read, cleaned or judged.
    "store": FOUNDATION | {"clusters", "why"},  # `Version.clusters` and `Version.why`, at their calls only
    # Sources are found, and their shape detected, before anything is prepared.
    "sources": FOUNDATION | {"ingest", "pipeline"},
    "known_sources": FOUNDATION | {"ingest", "pipeline", "sources", "store"},  # or taken from what the store knows
    # The flow: a part is one block through the rooms of batch steps, prepare fills the cache with them, decide is SQL.
    "fingerprints": FOUNDATION | {"ingest", "clean", "signals"},
    "parts": FOUNDATION | {"ingest", "clean", "signals", "pairs", "store"},  # store.files: where writing can fail
    "unfinished": FOUNDATION | {"parts", "store"},
    "file_job": FOUNDATION
    | {
        "events",
        "fingerprints",
        "ingest",
        "ordered",
        "pairs",
        "parts",
        "pipeline",
        "signals",
        "sources",
        "store",
        "unfinished",
    },
    "prepare": FOUNDATION | {"events", "file_job", "parts", "pipeline", "sources", "store"},
    "pairing": FOUNDATION | {"file_job", "fingerprints", "gather", "pairs", "store"},
    "duplicates": FOUNDATION | {"pairing", "pairs", "splits"},
    "excerpts": FOUNDATION | {"file_job"},
    "near_summary": FOUNDATION | {"decided", "excerpts", "file_job", "gather"},
    "gather": FOUNDATION | {"file_job", "fingerprints", "pipeline", "store"},
    "parent": FOUNDATION | {"pipeline", "store"},
    # What exists already: earlier versions through the store, files through the cache.
    "sketched": FOUNDATION | {"file_job", "parts", "store"},
    "against": FOUNDATION | {"events", "file_job", "fingerprints", "pairs", "pipeline", "prepare", "sources", "store"},
    "benchmark_files": FOUNDATION | {"clean", "events", "ingest", "ordered", "pairs"},
    "contaminated": FOUNDATION
    | {
        "benchmark_files",
        "events",
        "file_job",
        "fingerprints",
        "gather",
        "ordered",
        "pairs",
        "pipeline",
        "sketched",
        "store",
    },
    "known": FOUNDATION | {"against", "file_job", "fingerprints", "gather", "pairs", "sketched", "store"},
    "rejects": FOUNDATION | {"file_job", "store"},
    "kinds": FOUNDATION | {"duplicates", "signals", "splits"},
    "decide": FOUNDATION
    | {
        "contaminated",
        "duplicates",
        "gather",
        "kinds",
        "known",
        "pairing",
        "parent",
        "pipeline",
        "rules",
        "signals",
        "splits",
        "store",
    },
    "decided": FOUNDATION
    | {
        "against",
        "contaminated",
        "decide",
        "decisions",
        "events",
        "file_job",
        "fingerprints",
        "gather",
        "known",
        "pairing",
        "parent",
        "pipeline",
        "store",
    },
    "manifest": FOUNDATION | {"against", "decided", "file_job", "signals", "sources", "store"},
    "interrupts": frozenset(),
    # What a run, a plan and a what-if ask alike.
    "asking": FOUNDATION
    | {
        "against",
        "budgets",
        "contaminated",
        "decided",
        "decisions",
        "file_job",
        "gather",
        "pairing",
        "pipeline",
        "sketched",
        "store",
    },
    "flow": FOUNDATION
    | {
        "against",
        "asking",
        "budgets",
        "contaminated",
        "decide",
        "decided",
        "estimates",
        "events",
        "file_job",
        "gather",
        "interrupts",
        "manifest",
        "near_summary",
        "pairing",
        "pipeline",
        "prepare",
        "rejects",
        "sources",
        "store",
    },
    # Questions about a run that was not made: the functions of a run, on a sample or on what is stored.
    "planning": FOUNDATION
    | {
        "against",
        "asking",
        "contaminated",
        "decide",
        "decided",
        "estimates",
        "events",
        "file_job",
        "gather",
        "known",
        "near_plan",
        "pairing",
        "pipeline",
        "prepare",
        "rejects",
        "sources",
        "store",
    },
    "near_plan": FOUNDATION | {"file_job", "pairs"},
    "what_if": FOUNDATION
    | {
        "against",
        "asking",
        "budgets",
        "contaminated",
        "decide",
        "decided",
        "excerpts",
        "events",
        "file_job",
        "gather",
        "known_sources",
        "pairing",
        "pipeline",
        "prepare",
        "store",
    },
    "estimates": FOUNDATION | {"file_job", "ingest", "sources"},  # a trial's files, weighed
    # What went is compared with what was allowed; what people say to it, and to held records, goes into a file.
    "budgets": FOUNDATION | {"pipeline", "store"},  # pipeline.quoting: names of slices and rules in messages
    "decisions": FOUNDATION | {"budgets", "pipeline", "store"},
    # Questions about what was published go through the store alone.
    "export_shapes": FOUNDATION,
    "export": FOUNDATION | {"export_shapes", "store"},
    "lineage": FOUNDATION | {"store"},
    "show": FOUNDATION | {"store"},
    "why": FOUNDATION | {"clean", "store"},  # clean.edits: undoing edits to show the text as it was
    "why_text": FOUNDATION | {"clean", "why"},
    "text_diff": FOUNDATION | {"clean"},  # clean.edits: the words between two places where long texts agree
    # decisions.texts: what a stopped run's records say; pipeline.quoting: ids in messages
    "clusters": FOUNDATION | {"clean", "decisions", "pipeline", "store", "text_diff"},
    "clusters_text": FOUNDATION | {"clean", "clusters", "why_text"},
    # clean.edits and why_text: showing two versions of a text as `why` does.
    "compare": FOUNDATION | {"clean", "store", "why_text"},
    # What is stored is computed anew by what computed it; `store` may not know these, so `verify` has two halves.
    "recompute": FOUNDATION | {"decide", "rules", "signals", "store"},
    # The two ways in: Python's and the command line's, which may use every function that Python users may.
    "api": FOUNDATION
    | {"compare", "decisions", "events", "flow", "memory", "pipeline", "planning", "prepare", "store", "what_if"},
    "cli": FOUNDATION
    | {
        "api",
        "budgets",
        "clusters",
        "clusters_text",
        "compare",
        "decisions",
        "dedup",
        "events",
        "export",
        "flow",
        "lineage",
        "memory",
        "near_plan",
        "pipeline",
        "planning",
        "program",
        "recompute",
        "rules",
        "show",
        "store",
        "what_if",
        "why",
        "why_text",
    },
    "__main__": frozenset({"cli"}),
    "dataprep": frozenset({"api"}),
}
"""For each room of `dataprep` the rooms that it may import."""


class Import(NamedTuple):
    importer: str
    imported: str
    at_call: bool
    """Inside a function or for type checkers only, so not when the module is loaded."""


@cache
def modules(package: str) -> dict[str, Path]:
    """Modules of a package by dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(package: str) -> list[Import]:
    """All imports of a package; `from a import b` is of a.b where that is a module."""
    known = {name for each in (*PROGRAM, "trainer") for name in modules(each)}

    def walk(importer: str, node: ast.AST, at_call: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(importer, alias.name, at_call) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"{importer}: relative import"
                for alias in child.names:
                    inner = f"{child.module}.{alias.name}"
                    yield Import(importer, inner if inner in known else str(child.module), at_call)
            else:
                deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
                yield from walk(importer, child, at_call or deferred or typing_only)

    return [found for name, path in modules(package).items() for found in walk(name, tree(path), False)]


def room(module: str) -> str:
    """The room of a module of `dataprep`. Rooms' configurations stand apart: the pipeline file is made of them."""
    parts = module.split(".")
    if module == "dataprep.pipeline.base" or (len(parts) == 3 and parts[2] == "config"):
        return "config"
    return parts[1] if len(parts) > 1 else parts[0]


def test_rooms_import_only_what_the_table_allows() -> None:
    arrows = {
        (room(found.importer), room(found.imported), f"{found.importer} imports {found.imported}")
        for found in imports("dataprep")
        if found.imported.split(".")[0] == "dataprep"
    }
    wrong = [words for inside, outside, words in arrows if inside != outside and outside not in ALLOWED[inside]]
    assert not wrong, sorted(wrong)


def test_the_table_has_every_room_and_allows_nothing_that_is_not_used() -> None:
    arrows = {(room(found.importer), room(found.imported)) for found in imports("dataprep")}
    assert ALLOWED.keys() == {room(name) for name in modules("dataprep")}
    idle = [(inside, outside) for inside in ALLOWED for outside in ALLOWED[inside] - FOUNDATION]
    assert not [arrow for arrow in idle if arrow not in arrows]


def test_no_module_imports_itself_by_a_detour() -> None:
    graph: dict[str, set[str]] = {}
    for found in imports("dataprep"):
        own_package = f"{found.importer}.".startswith(f"{found.imported}.")
        if not found.at_call and not own_package and found.imported in modules("dataprep"):
            graph.setdefault(found.importer, set()).add(found.imported)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


@pytest.mark.parametrize("package", PROGRAM)
def test_the_data_side_never_imports_what_trains(package: str) -> None:
    heavy = {"torch", "transformers", "trl", "accelerate", "peft", "trainer", "datasets"}
    assert not [found for found in imports(package) if found.imported.split(".")[0] in heavy]


def test_dataprep_imports_none_of_the_rooms_that_read_versions() -> None:
    later = {"audit", "reports", "trainer"}
    assert not [found for found in imports("dataprep") if found.imported.split(".")[0] in later]


def test_who_reads_versions_does_so_through_the_store() -> None:
    # `pipeline`: how a YAML file is read with the lines of its keys. `cli`: how a command writes and ends. `beside`: an
    # output in the making.
    allowed = {"beside", "store", "errors", "sqlfiles", "console", "record", "digests", "events", "config", "pipeline"}
    allowed |= {"program", "cli", "dataprep"}
    found = [found for package in ("audit", "reports", "trainer") for found in imports(package)]
    assert not [
        each
        for each in found
        if each.imported.startswith("dataprep") and room(each.imported) not in allowed
    ]  # fmt: skip


@pytest.mark.parametrize("package", [*PROGRAM, "trainer"])
def test_modules_are_short(package: str) -> None:
    lengths = {name: path.read_text(encoding="utf-8").count("\n") for name, path in modules(package).items()}
    assert not {name: lines for name, lines in lengths.items() if lines > 450}


@pytest.mark.parametrize("package", [*PROGRAM, "trainer", "bench"])
def test_nothing_runs_text_as_code(package: str) -> None:
    """No `eval`, `exec`, `compile`, pickle, unsafe YAML or shell."""
    for name, path in modules(package).items():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "compile", "os.system", "os.popen"), f"{name}:{node.lineno}"
                assert called not in ("yaml.load", "yaml.unsafe_load", "yaml.full_load"), f"{name}:{node.lineno}"
                keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert keywords.get("shell", "False") == "False", f"{name}:{node.lineno}"
    serializers = {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
    assert not [found for found in imports(package) if found.imported.split(".")[0] in serializers]


_STATEMENT = re.compile(r"\s*(with\s+\w+\s+as|select|insert|update|delete|create|copy|from)\s", re.IGNORECASE)
_LONGEST_SQL = 6


@pytest.mark.parametrize("package", ["dataprep", "audit", "reports", "trainer"])
def test_sql_lives_in_files(package: str) -> None:
    """A statement of more lines than fit a glance belongs into `sql/`, where it can be read and formatted as SQL."""
    long = []
    for name, path in modules(package).items():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _STATEMENT.match(node.value):
                lines = [line for line in node.value.splitlines() if line.strip()]
                if len(lines) > _LONGEST_SQL and node.value.upper().count("SELECT"):
                    long.append(f"{name}:{node.lineno} ({len(lines)} lines)")
    assert not long


def test_help_answers_without_the_engines() -> None:
    program = (
        "import sys; from dataprep.cli import main\n"
        "sys.argv = ['dataprep', '--help']\n"
        "try: main()\n"
        "except SystemExit as finished: assert not finished.code\n"
        "heavy = {'duckdb', 'numba', 'polars', 'pyarrow', 'numpy', 'scipy', 'pandas', 'ftfy'}\n"
        "sys.exit(f'imported: {sorted(heavy & set(sys.modules))}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
