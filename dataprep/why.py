"""`dataprep why`: one record's whole story, from its source line to its split or to the rule that removed it.

Everything is read from what the run stored: the original text by undoing the cleaners' edits, the verdicts from the
ledger, the measured values from the signals. Nothing is judged again, so the story is what happened and not what would
happen now.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import duckdb
import orjson

from dataprep.clean.edits import DiffOp, Edit, undo, word_diff
from dataprep.errors import InputError
from dataprep.store import inventory
from dataprep.store.inventory import Json, Reference
from dataprep.store.layout import Store
from dataprep.store.names import display, resolve
from dataprep.store.query import open_data, run_query, stopped_run
from dataprep.store.records import read_records
from dataprep.store.tombstones import Tombstone, tombstones
from dataprep.store.views import PLACE

MAX_MATCHES: Final = 20
"""Matches that are listed; a fragment that fits more is too short to be an answer."""
_MIN_PREFIX: Final = 4
_FILE_LINE: Final = re.compile(r"(?s)(.+):([0-9]{1,18})")
_SNIPPET: Final = 80
_NO_SUCH_PLACE: Final = (
    "a record's line is its first; "
    'files and lines: dataprep sql "select path, min(line), max(line) from records group by path"'
)
_NO_SUCH_TEXT: Final = "text is searched as it is after cleaning; for a condition: dataprep show NAME --where …"

_BY_ID: Final = "SELECT record_id FROM records WHERE record_id = $what LIMIT $limit"
_BY_PREFIX: Final = "SELECT record_id FROM records WHERE starts_with(record_id, $what) ORDER BY row LIMIT $limit"
_BY_TEXT: Final = "SELECT record_id FROM records WHERE contains(text, $what) ORDER BY row LIMIT $limit"
_BY_PLACE: Final = (
    "SELECT record_id FROM records WHERE line = $line AND (path = $path OR ends_with(path, '/' || $path)) "
    "ORDER BY row LIMIT $limit"
)
_COPIES: Final = "SELECT record_id FROM records WHERE partner_id = $record_id ORDER BY row LIMIT $limit"
_GROUP_SIZE: Final = "SELECT count(*) AS n FROM records WHERE group_id = $group_id"


@dataclass(frozen=True, slots=True)
class TurnText:
    """One turn of a record: its role, its text (None for a missing or null one), extra data as JSON."""

    role: str
    content: str | None
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What one cleaner did to one turn. `diff` holds (operation, text) in words."""

    turn: int
    cleaner: str
    edits: int
    diff: list[tuple[DiffOp, str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the ledger, with the rule's comparison where the pipeline file says it."""

    step: str
    rule: str
    action: str
    decisive: bool
    value: float | None
    threshold: float | None
    comparison: str | None
    partner_id: str | None
    similarity: float | None
    detail: str | None
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """The record that stands in for a duplicate or leaking one."""

    record_id: str
    status: str
    split: str | None
    place: str
    turns: list[TurnText] | None


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known about one record of one version."""

    data: str
    record_id: str
    status: str
    split: str | None
    step: str | None
    rule: str | None
    label: str | None
    source: str
    path: str
    line: int
    turns: list[TurnText] | None
    original: list[TurnText] | None
    changes: list[Change]
    signals: dict[str, Any]
    verdicts: list[Verdict]
    partner: Partner | None
    copies: list[str]
    group_id: str | None
    group_records: int
    meta: dict[str, Any] = field(default_factory=dict)
    forgotten: Tombstone | None = None
    """When, by whom and why its text was erased, if it was."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that could not become a record."""

    data: str
    source: str
    path: str
    line: int | None
    byte_offset: int | None
    reason: str
    detail: str | None
    raw: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Match:
    """One of several records that fit what was asked."""

    data: str
    record_id: str
    status: str
    split: str | None
    place: str
    snippet: str


@dataclass(frozen=True, slots=True)
class Matches:
    """Several records fit; at most MAX_MATCHES are listed."""

    what: str
    found: list[Match]


Answer = Story | RejectedRow | Matches


@dataclass(frozen=True, slots=True)
class _Place:
    """One version or stopped run to look in."""

    name: str
    reference: Reference | None
    con: duckdb.DuckDBPyConnection


def why(store: Store, what: str, data: str | None = None) -> Answer:
    """The story of a record, a rejected row, or the list of records that fit.

    Args:
        store: where to look.
        what: a record's id or its first characters (4 at least), `file:line`, or a piece of its text.
        data: a version or stopped run; by default the latest version of every dataset, then older versions and
            stopped runs until something fits.

    Raises:
        InputError: nothing fits, or `data` names nothing.
    """
    for name in [data] if data is not None else _everywhere(store):
        reference = resolve(store, name) if stopped_run(store, name) is None else None
        with open_data(store, name) as con:
            place = _Place(name if reference is None else display(reference), reference, con)
            answer = _answer(store, place, what)
            if answer is not None:
                return answer
    where = f" in {data}" if data is not None else ""
    raise InputError(
        f"no record or rejected row{where} has this id, place or text: {what[:_SNIPPET]!r}",
        hint=_NO_SUCH_PLACE if _FILE_LINE.fullmatch(what) else _NO_SUCH_TEXT,
    )


def _everywhere(store: Store) -> list[str]:
    """Names of all versions and stopped runs, the most likely first."""
    if not store.root.is_dir():
        raise InputError("there is no store here", file=str(store.root), hint="name one by --store or DATAPREP_STORE")
    known = inventory.datasets(store)
    newest = sorted((d.latest for d in known if d.latest), key=lambda ref: ref.published_at or "", reverse=True)
    candidates = [dataset.candidate for dataset in known if dataset.candidate is not None]
    older = [reference for dataset in known for reference in reversed(dataset.numbered[:-1])]
    versions = [reference.version_id for reference in (*newest, *candidates, *older)]
    stopped = [run["run_id"] for run in inventory.runs(store) if run.get("status") not in inventory.PUBLISHING_STATUS]
    return [*dict.fromkeys(versions), *reversed(stopped)]


def _answer(store: Store, place: _Place, what: str) -> Answer | None:
    record_ids = _find(place.con, what)
    if len(record_ids) == 1:
        return _story(store, place, record_ids[0])
    if record_ids:
        return Matches(what, [_match(place, row) for row in _some_records(place.con, record_ids)])
    return _rejected(place, what)


def _find(con: duckdb.DuckDBPyConnection, what: str) -> list[str]:
    """Ids of records that fit, by the most specific reading of the question that fits any."""
    at = _FILE_LINE.fullmatch(what)
    asked: list[tuple[str, dict[str, object]]] = [(_BY_ID, {"what": what})]
    if at is not None:
        asked.append((_BY_PLACE, {"path": at[1], "line": int(at[2])}))
    if len(what) >= _MIN_PREFIX:
        asked.append((_BY_PREFIX, {"what": what}))
    if what.strip():
        asked.append((_BY_TEXT, {"what": what}))
    for query, values in asked:
        found: list[str] = run_query(con, query, limit=MAX_MATCHES, **values)["record_id"].to_list()
        if found:
            return found
    return []


def _some_records(con: duckdb.DuckDBPyConnection, record_ids: list[str]) -> list[dict[str, Any]]:
    query = "FROM records WHERE record_id IN (SELECT unnest($ids)) ORDER BY row"
    return run_query(con, query, ids=record_ids).to_dicts()


def _match(place: _Place, row: dict[str, Any]) -> Match:
    text = (row["text"] or "")[:_SNIPPET]
    return Match(place.name, row["record_id"], row["status"], row["split"], f"{row['path']}:{row['line']}", text)


def _rejected(place: _Place, what: str) -> RejectedRow | None:
    """The first rejected row at this place or with this text. Rejects are few: a budget stops a run that has many."""
    at = _FILE_LINE.fullmatch(what)
    raw = what.encode("utf-8", errors="surrogateescape")
    for row in run_query(place.con, "FROM rejects").iter_rows(named=True):
        here = at is not None and row["line"] == int(at[2]) and f"/{row['path']}".endswith(f"/{at[1]}")
        if here or (raw.strip() and raw in (row["raw"] or b"")):
            names = ("source", "path", "line", "byte_offset", "reason", "detail")
            stored = {name: row[name] for name in names}
            return RejectedRow(data=place.name, **stored, raw=row["raw"] or b"", length=row["length"] or 0)
    return None


def _story(store: Store, place: _Place, record_id: str) -> Story:
    row = _some_records(place.con, [record_id])[0]
    ledger = run_query(place.con, "FROM ledger WHERE record_id = $record_id", record_id=record_id).to_dicts()
    turns = _turns(store, place, record_id)
    original, changes = (None, []) if turns is None else _before_cleaning(turns, ledger)
    names = ("record_id", "status", "split", "step", "rule", "label", "source", "path", "line", "group_id")
    rules = _rules(store, place)
    return Story(
        data=place.name,
        **{name: row[name] for name in names},
        turns=turns,
        original=original,
        changes=changes,
        signals=_signals(place.con, record_id),
        verdicts=[_verdict(entry, rules) for entry in ledger],
        partner=_partner(store, place, row["partner_id"]),
        copies=run_query(place.con, _COPIES, record_id=record_id, limit=MAX_MATCHES)["record_id"].to_list(),
        group_records=run_query(place.con, _GROUP_SIZE, group_id=row["group_id"])["n"][0],
        meta=orjson.loads(row["meta"]) if row["meta"] else {},
        forgotten=_tombstone(store, place, record_id),
    )


def _tombstone(store: Store, place: _Place, record_id: str) -> Tombstone | None:
    if place.reference is not None:
        return tombstones(inventory.manifest(store, place.reference.version_id)).get(record_id)
    return tombstones(stopped_run(store, place.name) or {}).get(record_id)


def _turns(store: Store, place: _Place, record_id: str) -> list[TurnText] | None:
    if place.reference is None:
        return None
    folder = store.version(place.reference.version_id)
    for batch in read_records(folder, record_ids=[record_id]):
        for turns in batch["turns"].to_pylist():
            return [TurnText(**turn) for turn in turns]
    return None


def _before_cleaning(turns: list[TurnText], ledger: list[dict[str, Any]]) -> tuple[list[TurnText], list[Change]]:
    """The turns as they came, and what each cleaner changed, in the order in which they ran."""
    texts = [turn.content for turn in turns]
    changes: list[Change] = []
    for entry in reversed([entry for entry in ledger if entry["edits"]]):
        by_turn: dict[int, list[Edit]] = {}
        for edit in entry["edits"]:
            made = Edit(edit["start"], edit["end"], edit["original"], edit["replacement"])
            by_turn.setdefault(edit["turn"], []).append(made)
        for index in sorted(by_turn, reverse=True):
            after = texts[index] or ""
            before = undo(after, by_turn[index])
            changes.append(Change(index, entry["rule"], len(by_turn[index]), word_diff(before, after)))
            texts[index] = before
    original = [TurnText(turn.role, text, turn.extra) for turn, text in zip(turns, texts, strict=True)]
    return original, changes[::-1]


def _verdict(entry: dict[str, Any], rules: dict[str, Json]) -> Verdict:
    rule = rules.get(entry["rule"], {})
    comparison = rule.get("when")
    if comparison is None and rule.get("signal") is not None:
        comparison = f"{rule['signal']} {rule['op']} {rule['threshold']}"
    names = ("step", "rule", "action", "decisive", "value", "threshold", "partner_id", "similarity", "detail")
    return Verdict(**{name: entry[name] for name in names}, comparison=comparison, because=rule.get("because"))


def _rules(store: Store, place: _Place) -> dict[str, Json]:
    """The rules as the run resolved them, by name."""
    if place.reference is None:
        return {}
    pipeline = inventory.manifest(store, place.reference.version_id).get("pipeline", {})
    return {rule["name"]: rule for rule in pipeline.get("rules", [])}


def _signals(con: duckdb.DuckDBPyConnection, record_id: str) -> dict[str, Any]:
    rows = run_query(con, "FROM signals WHERE record_id = $record_id", record_id=record_id).to_dicts()
    values = rows[0] if rows else {}
    return {name: value for name, value in values.items() if name not in PLACE and name != "record_id"}


def _partner(store: Store, place: _Place, record_id: str | None) -> Partner | None:
    if record_id is None:
        return None
    rows = _some_records(place.con, [record_id])
    if not rows:
        return None
    row = rows[0]
    spot = f"{row['path']}:{row['line']}"
    return Partner(record_id, row["status"], row["split"], spot, _turns(store, place, record_id))
