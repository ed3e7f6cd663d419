"""What was decided, as a finished step in the cache: the version's narrow tables, its id, and where each record goes.

Everything that needs the decided database is done here, so that staging, budgets and the queue of held records read
files: a run that was killed while it wrote text, or stopped by a budget, decides nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson
import polars as pl

from dataprep.against import Against
from dataprep.contaminated import Contaminated, Suite, find_contaminated
from dataprep.decide import DECIDE_VERSION, Decision, check_promises, decide, make_funnel
from dataprep.decisions.entries import Decisions
from dataprep.decisions.match import load_decisions
from dataprep.events import Reporter
from dataprep.file_job import PreparedFile
from dataprep.fingerprints import fingerprint
from dataprep.gather import Gathered
from dataprep.known import Known, find_known
from dataprep.pairing import Paired
from dataprep.parent import Parent, find_parent
from dataprep.pipeline.models import Pipeline
from dataprep.rules.config import RuleConfig
from dataprep.sqlfiles import read_sql
from dataprep.store.claims import claim
from dataprep.store.files import (
    CommitPoint,
    commit_point,
    remove_folder,
    take_place,
    temporary_folder,
    write_batches,
    write_file,
)
from dataprep.store.layout import Store
from dataprep.store.meta_columns import MetaColumn
from dataprep.store.near import NearPart, write_near
from dataprep.store.publish import version_id
from dataprep.store.version import Contents, describe_contents, write_tables

_SUMMARY: Final = "decided.json"
_FATES: Final = "fates.parquet"
_TABLES: Final = "tables"
_BATCH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Question:
    """All that a decision depends on."""

    pipeline: Pipeline
    rules: Mapping[str, RuleConfig]
    gathered: Gathered
    paired: Paired | None
    """The near duplicates among all records; None where none are looked for."""
    rows: int
    """Rows read, rejects included."""
    rejects: Sequence[str]
    """Fingerprints of the files' rejects."""
    sketches: Sequence[NearPart] = ()
    """Where keys and sketches of all records are, in the order of rows."""
    against: Against = field(default_factory=Against)
    """What exists already."""
    known: Known | None = None
    """The records that exist already; None where they are compared with nothing."""
    suite: Suite | None = None
    """The benchmarks that no record may contain an item of."""
    contaminated: Contaminated | None = None
    """The records that contain one; None where there are no benchmarks."""
    decisions: Decisions = field(default_factory=Decisions)
    """What people decided."""
    parent: Parent | None = None
    """The version whose splits stay as they are."""

    @property
    def inputs(self) -> str:
        """Fingerprint of everything but earlier versions of the dataset itself that move on: parent and own latest."""
        pipeline = self.pipeline
        return fingerprint(
            "decide",
            DECIDE_VERSION,
            self.gathered.fingerprint,
            self.paired and self.paired.fingerprint,
            {family: [file.parent.name for file in files] for family, files in self.gathered.signals.items()},
            self.rows,
            list(self.rejects),
            [(name, rule.model_dump(mode="json")) for name, rule in self.rules.items()],
            pipeline.dedup.model_dump(mode="json", exclude={"against"}),
            self.against.inputs,
            self.suite and [self.suite.digest, pipeline.benchmarks.model_dump(mode="json", exclude={"files"})],
            pipeline.splits.model_dump(mode="json"),
            pipeline.output.model_dump(mode="json", include={"shape", "compression"}),
            self.decisions.records_digest(),
        )

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the decision."""
        return fingerprint(self.inputs, self.parent and self.parent.version_id, self.against.own_latest)

    def with_parent(self, store: Store) -> Question:
        """The question of a run, which starts from the dataset's latest version or from what that one started from."""
        inputs = self.inputs
        against = self.against.as_latest_was_made(store, self.pipeline.name, inputs)
        return replace(self, parent=find_parent(store, self.pipeline, inputs), against=against)

    def with_compared(
        self,
        prepared: Sequence[PreparedFile],
        store: Store,
        *,
        scratch: Store | None = None,
        owner: str | None = None,
        workers: int = 1,
        reporter: Reporter | None = None,
    ) -> Question:
        """The question with the records found that exist already, and those that contain a benchmark item.

        See `find_known`, `find_contaminated`.
        """
        pipeline, gathered = self.pipeline, self.gathered
        known = find_known(prepared, gathered, self.against, pipeline.dedup, store, scratch, owner)
        contaminated = find_contaminated(
            prepared,
            gathered,
            self.suite,
            pipeline.benchmarks,
            pipeline.dedup.near,
            store,
            scratch,
            owner,
            workers=workers,
            reporter=reporter,
        )
        return replace(self, known=known, contaminated=contaminated)

    def reused(self) -> dict[str, int]:
        """For each step that all of it rests on, whether it was in the cache: 1 or 0."""
        steps = {
            "gather": self.gathered,
            "pairs": self.paired,
            "known": self.known,
            "benchmarks": self.contaminated,
        }
        return {name: int(step.reused) for name, step in steps.items() if step is not None}

    def decide(self, con: duckdb.DuckDBPyConnection) -> Decision:
        """Answer it in a scratch database, which is left with the tables of `dataprep.decide.decide`.

        Raises:
            InputError: a rule with a mistake, splits that cannot be made.
        """
        self.gathered.attach(con)
        by_hand = load_decisions(con, self.decisions) if self.decisions.records else None
        manual, notes = (by_hand.manual, by_hand.notes) if by_hand else (None, ())
        decision = decide(
            con,
            self.pipeline,
            self.rules,
            self.gathered,
            parent=self.parent,
            manual=manual,
            paired=self.paired,
            known=self.known,
            contaminated=self.contaminated,
        )
        decision.notes[:0] = notes
        return decision


@dataclass(frozen=True, slots=True)
class Decided:
    """A finished decision in the cache.

    Attributes:
        folder: its place.
        identity: the version's id.
        mode: how records were divided: group, time, source or given.
        notes: what could not be done as asked, in words.
        rules: the pipeline's rules as the manifest describes them.
        near: what was found of near duplicates, as in `Duplicates.describe`, and how; empty where none were looked for.
        contents: what the version's text files will hold.
        reused: whether it was in the cache.
    """

    folder: Path
    identity: str
    mode: str
    notes: tuple[str, ...]
    rules: tuple[dict[str, Any], ...]
    near: dict[str, Any]
    contents: Contents
    reused: bool

    @property
    def tables(self) -> Path:
        """Folder of the version's narrow tables: records, near, ledger, signals, pairs, rejects, funnel."""
        return self.folder / _TABLES

    @property
    def record_files(self) -> list[Path]:
        """Files of the table of records."""
        return sorted((self.tables / "records").glob("*.parquet"))

    @property
    def fates(self) -> Path:
        """Parquet file of record_id, source and fate (split, held or dropped), in the order of rows."""
        return self.folder / _FATES

    def funnel(self) -> pl.DataFrame:
        """From rows read to splits."""
        return pl.read_parquet(self.tables / "funnel" / "funnel-00000.parquet", glob=False)


def find_decided(store: Store, question: Question, owner: str | None = None) -> Decided | None:
    """The decision in the cache, where there is one; claimed for the run `owner`, if it is one that asks."""
    folder = store.step("decide", question.fingerprint)
    if owner is not None:
        claim(store, owner, [folder])
    summary = folder / _SUMMARY
    return _read(folder, reused=True) if summary.exists() else None


def make_decided(con: duckdb.DuckDBPyConnection, store: Store, question: Question, owner: str) -> Decided:
    """Decide, check the promises and bring the result into the cache.

    Args:
        con: a scratch database with the table `rejects`.
        store: where the cache is.
        question: what is decided.
        owner: the run, for the name of what is unfinished.

    Raises:
        InputError: a rule with a mistake, splits that cannot be made.
        AssertionError: the run does not add up, or a split leaks.
    """
    pipeline = question.pipeline
    decision = question.decide(con)
    rejects = int(con.sql("select count(*) from rejects").fetchall()[0][0])
    check_promises(con, question.rows, rejects)
    make_funnel(con, pipeline, decision, question.rows)
    con.execute(read_sql("steps/ledger"))
    contents = describe_contents(con, decision.meta, pipeline.output)
    folder = store.step("decide", question.fingerprint)
    unfinished = temporary_folder(folder, owner)
    write_tables(con, pipeline.output, unfinished / _TABLES)
    reader = con.sql(read_sql("steps/fates")).to_arrow_reader(_BATCH)
    write_batches(unfinished / _FATES, reader, reader.schema, compression="none", use_dictionary=["fate", "source"])
    write_near(unfinished / _FATES, question.sketches, unfinished / _TABLES)
    summary = {
        "identity": version_id(con),
        "mode": decision.mode,
        "notes": decision.notes,
        "rules": [rule.describe() for rule in decision.rules],
        "near": question.paired.summary()["whole"] | decision.near if question.paired else {},
        "contents": asdict(contents),
    }
    write_file(unfinished / _SUMMARY, orjson.dumps(summary))
    if not take_place(unfinished, folder):
        remove_folder(unfinished)
    commit_point(CommitPoint.DECIDED_PUBLISHED)
    return _read(folder, reused=False)


def _read(folder: Path, *, reused: bool) -> Decided:
    summary: dict[str, Any] = orjson.loads((folder / _SUMMARY).read_bytes())
    contents = summary["contents"]
    meta = [MetaColumn(**column) for column in contents.pop("meta")]
    return Decided(
        folder=folder,
        identity=summary["identity"],
        mode=summary["mode"],
        notes=tuple(summary["notes"]),
        rules=tuple(summary["rules"]),
        near=summary["near"],
        contents=Contents(**contents | {"meta": meta, "extras": tuple(contents["extras"])}),
        reused=reused,
    )
