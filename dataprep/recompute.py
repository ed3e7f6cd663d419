"""`dataprep verify --recompute 1%`: does a version follow from its own text?

File digests say that a version is what was published. This says that what was published is right: of a sample of
records, drawn by seed, the content digests, the signals and the verdicts of rules are computed anew from the stored
text and compared; and the version's id is derived anew from all of its records and verdicts, without reading text.

Floats must agree bit by bit: signals are quotients of integers, which IEEE 754 rounds alike everywhere. What this code
measures by another version than the manifest names is not compared, and said; rules read such signals as stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pydantic import ValidationError

from dataprep.decide import FIELDS, rule_columns
from dataprep.errors import InputError
from dataprep.record import Turns, content_digests
from dataprep.rules.compile import CompiledRule, compile_rule, verdicts_sql
from dataprep.rules.config import RuleConfig
from dataprep.signals import Family, families, measure
from dataprep.sqlfiles import quote_identifier, read_sql
from dataprep.store import tables
from dataprep.store.connect import connect
from dataprep.store.inventory import Json
from dataprep.store.layout import FORMAT_VERSION, Store
from dataprep.store.meta_columns import MetaColumn
from dataprep.store.names import display
from dataprep.store.publish import version_id
from dataprep.store.reading import Version, open_version
from dataprep.store.records import read_records
from dataprep.store.tombstones import tombstones
from dataprep.store.views import column_types, parquet

What = Literal["content_digest", "signal", "verdict", "version_id"]

_BATCH_ROWS: Final = 20_000
_TEXTS: Final = ("data", "held", "removed")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One value that does not follow from what is stored.

    Attributes:
        record_id: the record; None for the version's id.
        what: what kind of value.
        name: of the signal or rule.
        stored, recomputed: the values; None where there is none. A verdict is its action, value and detail.
    """

    record_id: str | None
    what: What
    name: str
    stored: Any
    recomputed: Any


@dataclass(frozen=True, slots=True)
class Recomputation:
    """What was computed anew and what disagreed.

    Attributes:
        data: the version's name for people.
        version_id: its id.
        share, seed: how the sample was drawn.
        records: records of the sample.
        population: records that have text, of which it was drawn.
        signals, rules: names of what was compared.
        skipped: what was not compared and why, in words.
        problems: what disagreed; empty where all follows.
    """

    data: str
    version_id: str
    share: float
    seed: int
    records: int
    population: int
    signals: tuple[str, ...]
    rules: tuple[str, ...]
    skipped: tuple[str, ...]
    problems: tuple[Mismatch, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing disagreed."""
        return not self.problems


@dataclass(slots=True)
class _Plan:
    """What of a version can be computed anew."""

    markers: tuple[str, ...]
    families: list[Family]
    columns: list[str]
    facts: str
    rules: list[CompiledRule]
    digests: bool
    skipped: list[str] = field(default_factory=list)


def parse_share(text: str) -> float:
    """A share as people write it.

    Raises:
        InputError: it is no number, or not above 0 and at most 1 (100 %).

    >>> parse_share("1%"), parse_share("0.01"), parse_share("100 %")
    (0.01, 0.01, 1.0)
    """
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = 0.0
    if rest or not 0 < share <= 1:
        raise InputError(f"{text!r} is no share of the records", key="--recompute", hint="write 1% or 0.01")
    return share


def recompute(store: Store, data: str, share: float, *, seed: int = 0) -> Recomputation:
    """Compute a sample of a version anew and compare it with what is stored.

    Args:
        store: where the version lies.
        data: its name.
        share: of the records with text, above 0 and at most 1; one record at least.
        seed: draws another sample. A larger share with the same seed holds the smaller one's records.

    Raises:
        InputError: no version has that name, or a file of it is gone.
    """
    version = open_version(data, store=store.root)
    problems: list[Mismatch] = []
    with connect() as con:
        _open(con, version)
        drawn = con.sql(read_sql("recompute/sample"), params={"share": share, "seed": str(seed)}).fetchall()
        sample = [record_id for record_id, _ in drawn]
        plan = _plan(con, version.manifest)
        for batch in read_records(version.path, record_ids=sample, rows_per_batch=_BATCH_ROWS):
            problems += _check(con, batch, plan)
        problems += _check_id(con, version, plan)
    return Recomputation(
        data=display(version.reference),
        version_id=version.id,
        share=share,
        seed=seed,
        records=len(sample),
        population=drawn[0][1] if drawn else 0,
        signals=tuple(plan.columns),
        rules=tuple(rule.name for rule in plan.rules),
        skipped=tuple(plan.skipped),
        problems=tuple(problems),
    )


def _open(con: duckdb.DuckDBPyConnection, version: Version) -> None:
    """Make views over the version's tables: `records`, `ledger`, `signals`, and `texts` with the ids that have text."""
    ids = tables.RECORDS.empty_table().select(["record_id"])
    empty = {"records": tables.RECORDS.empty_table(), "ledger": tables.LEDGER.empty_table(), "signals": ids}
    for name, nothing in empty.items():
        con.register(f"no_{name}", nothing)
        paths = version.files(name)
        con.execute(f"create view {name} as select * from {parquet(paths) if paths else f'no_{name}'}")
    paths = [path for name in _TEXTS for path in version.files(name)]
    con.execute(f"create view texts as select record_id from {parquet(paths) if paths else 'no_signals'}")


def _plan(con: duckdb.DuckDBPyConnection, manifest: Json) -> _Plan:
    stored = list(column_types(con, "signals"))
    versions = manifest.get("signals", {}).get("versions", {})
    skipped: list[str] = []
    chosen: list[Family] = []
    for family in families():
        there = [column.name for column in family.columns if column.name in stored]
        if not there:
            skipped.append(f"signals {family.name}: the version does not have them")
        elif versions.get(family.name) != family.version:
            was = versions.get(family.name, "none")
            skipped.append(f"signals {family.name}: measured by version {was}, this code has {family.version}")
        else:
            chosen.append(family)
    columns = [column.name for family in chosen for column in family.columns if column.name in stored]
    digests = manifest.get("format") == FORMAT_VERSION
    if not digests:
        skipped.append(f"content digests: format {manifest.get('format')}, this code has {FORMAT_VERSION}")
    meta = [MetaColumn(found["key"], name, found["type"]) for name, found in manifest.get("meta_columns", {}).items()]
    fields = [name for name in column_types(con, "records") if name in FIELDS]
    kept = [name for name in stored if name not in columns and name != "record_id"]
    known = {*fields, *(column.name for column in meta), *columns, *kept}
    rules, unknown = _rules(manifest, meta, known)
    markers = manifest.get("pipeline", {}).get("clean", {}).get("end_of_text_markers", ())
    return _Plan(
        markers=tuple(markers),
        families=chosen,
        columns=columns,
        facts=read_sql("recompute/facts").format(
            fields=_listed("records", fields),
            meta="".join(f", {column.sql} as {column.quoted}" for column in meta),
            measured=_listed("batch", columns),
            stored=_listed("signals", kept),
        ),
        rules=rules,
        digests=digests,
        skipped=skipped + unknown,
    )


def _listed(table: str, names: Sequence[str]) -> str:
    return "".join(f", {table}.{quote_identifier(name)}" for name in names)


def _rules(manifest: Json, meta: Sequence[MetaColumn], known: set[str]) -> tuple[list[CompiledRule], list[str]]:
    """The version's rules, compiled, and those that this code cannot run, in words."""
    columns = {name: kind for name, kind in rule_columns(meta).items() if name in known}
    compiled: list[CompiledRule] = []
    skipped: list[str] = []
    for index, entry in enumerate(manifest.get("pipeline", {}).get("rules", [])):
        name = entry["name"]
        try:
            rule = RuleConfig(**{key: value for key, value in entry.items() if key != "name"})
            compiled.append(compile_rule(name, rule, columns, prefix=f"r{index}"))
        except InputError as error:
            skipped.append(f"rule {name}: {error.message}")
        except ValidationError as error:
            skipped.append(f"rule {name}: {error.errors()[0]['msg']}")
    return compiled, skipped


def _check(con: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, plan: _Plan) -> Iterator[Mismatch]:
    """Compute one batch of records anew."""
    measured = measure(Turns(batch["turns"]), end_of_text_markers=plan.markers, only=plan.families)
    signals = {name: found[name] for found in measured.values() for name in found.schema.names if name in plan.columns}
    con.register("batch", pa.table({"record_id": batch["record_id"], **signals}))
    stored = con.sql("select * from records semi join batch using (record_id)").pl()
    if plan.digests:
        digests = pl.Series([digest.hex() for digest in content_digests(batch).to_pylist()], dtype=pl.String)
        found = pl.DataFrame({"record_id": pl.Series(batch["record_id"].to_pylist()), "content_digest": digests})
        yield from _unequal(stored, found, ["content_digest"], "content_digest")
    stored = con.sql("select * from signals semi join batch using (record_id)").pl()
    found = con.sql("select * from batch").pl()
    yield from _unequal(stored, found, plan.columns, "signal")
    con.execute(plan.facts)
    statement, parameters = verdicts_sql(plan.rules, "facts", row="record_id")
    con.execute(
        'create or replace table fired as select "row" as record_id, rule, action, value, threshold, '
        f"value_text as detail from ({statement})",
        parameters,
    )
    names = {"rules": [rule.name for rule in plan.rules]}
    for record_id, rule, before, now in con.sql(read_sql("recompute/verdicts"), params=names).fetchall():
        yield Mismatch(record_id, "verdict", rule, before, now)


def _unequal(stored: pl.DataFrame, found: pl.DataFrame, names: Sequence[str], what: What) -> Iterator[Mismatch]:
    """The values that differ, by record; a record without stored values has nulls there."""
    both = found.select("record_id", *names).join(
        stored.select("record_id", *names), on="record_id", how="left", suffix="\0stored", maintain_order="left"
    )
    for name in names:
        now, before = both[name], both[f"{name}\0stored"]
        for place in np.flatnonzero(_differ(before, now)).tolist():
            yield Mismatch(both["record_id"][place], what, name, before[place], now[place])


def _differ(a: pl.Series, b: pl.Series) -> npt.NDArray[np.bool_]:
    """Where two columns differ; floats by their bits, for which a zero's sign and a NaN's kind count."""
    if a.dtype != b.dtype or not a.dtype.is_float():
        return a.ne_missing(b).to_numpy()
    bits = [series.fill_null(0.0).to_numpy().view(f"u{series.to_numpy().itemsize}") for series in (a, b)]
    differ: npt.NDArray[np.bool_] = (bits[0] != bits[1]) | (a.is_null() != b.is_null()).to_numpy()
    return differ


def _check_id(con: duckdb.DuckDBPyConnection, version: Version, plan: _Plan) -> Iterator[Mismatch]:
    """Derive the version's id anew. Forgotten records have lost the words in their verdicts, which the id covers."""
    if not plan.digests:
        plan.skipped.append("version id: it covers other columns in this format")
        return
    con.execute(read_sql("recompute/identity"))
    found = version_id(con)
    if found == version.id:
        return
    forgotten = len(tombstones(version.manifest))
    if forgotten:
        plan.skipped.append(
            f"version id: {forgotten} records were forgotten, and the words in their verdicts with them"
        )
    else:
        yield Mismatch(None, "version_id", "version_id", version.id, found)


def describe(result: Recomputation) -> Iterator[str]:
    """The result in lines, problems first; text from the data is not made safe to print."""
    for problem in result.problems:
        where = "the version" if problem.record_id is None else f"record {problem.record_id}"
        yield f"{where}: {problem.what} {problem.name}, stored {problem.stored!r}, recomputed {problem.recomputed!r}"
    yield from (f"not compared: {words}" for words in result.skipped)
