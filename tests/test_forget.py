"""`dataprep forget`: nothing of a text is left anywhere, and what was published stays told."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dataprep
from dataprep.cli.erase import report
from dataprep.errors import InputError, MachineError, RefusedError
from dataprep.store.catalog import rebuild
from dataprep.store.forget import forget
from dataprep.store.forgotten import Forgotten
from dataprep.store.layout import Store
from dataprep.store.locks import live_run
from dataprep.store.points import Operation, hooked
from dataprep.store.records import read_records
from dataprep.store.tombstones import PENDING
from dataprep.store.verify import verify
from dataprep.why import RejectedRow, Story, why
from dataprep.why_text import render
from tests.commands import command
from tests.making import pair, pairs, write_jsonl
from tests.store.builder import Row, write_stopped_run, write_version

SECRET = "zebra-7731-quokka"
MOJIBAKE = "\u00c3\u00a9\u00c3\u00a8\u00c3\u00bc\u00c3\u00b6"
"""Is repaired by cleaning, so that it stands in the ledger's edits alone."""
REJECT = "data/a.jsonl:42"
WHY = "asked for on 3 May, ticket 4711"
PIPELINE = """
name: support
sources:
  - {path: "data/*.jsonl", label: kind, group: customer, time: at}
limits: {rejects: {share: 1, rows: 10}}
rules:
  labelled: {when: "label != 'none'", value: label, action: flag}
splits: {train: 0.8, validation: 0.1, test: 0.1, by: group, stratify: true}
"""


def places_of(root: Path, *needles: str) -> list[str]:
    """Files of a store that hold one of the texts: as bytes, or in any value of a Parquet file."""
    found = []
    for path in sorted(item for item in root.rglob("*") if item.is_file() and not item.is_symlink()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            content += repr([column.to_pylist() for column in table.columns]).encode()
        escaped = (json.dumps(needle)[1:-1] for needle in needles)
        if any(form.encode() in content for needle in (*needles, *escaped) for form in (needle, repr(needle)[1:-1])):
            found.append(path.relative_to(root).as_posix())
    return found


def write_sources(folder: Path) -> None:
    rows = [row | {"kind": f"k{n % 3}", "customer": f"c{n}", "at": "2026-01-01"} for n, row in enumerate(pairs(40))]
    prompt = f"My card is {SECRET}, is that caf{MOJIBAKE} all right, or shall I bring another one, do you think?"
    about = {"kind": f"kind {SECRET}", "customer": f"customer {SECRET}", "at": "2026-02-03", "note": f"n {SECRET}"}
    rows.insert(17, pair(prompt, f"Yes, {SECRET} is fine, thank you.", **about))
    with write_jsonl(folder / "data" / "a.jsonl", rows).open("ab") as lines:
        lines.write(f'{{"prompt": "{SECRET}, broken\n'.encode())


def publish(folder: Path, *overrides: str) -> Any:
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return dataprep.run(folder / "pipeline.yaml", store=folder / "store", overrides=overrides)


def id_of(folder: Path, data: str = "support@1") -> str:
    frame = dataprep.open(data, store=folder / "store").lineage()
    found: str = frame.filter(pl.col("meta").str.contains(SECRET))["record_id"][0]
    return found


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secret in two versions (kept, then dropped), a stopped run, a training run and a report."""
    folder = tmp_path_factory.mktemp("forget")
    write_sources(folder)
    first = publish(folder)
    record_id = id_of(folder)
    publish(folder, "rules.long={signal: n_words, op: '>', threshold: 20}")
    with pytest.raises(RefusedError):
        publish(folder, "rules.too_short={signal: n_words, op: '<', threshold: 10000}")
    training = folder / "store" / "training" / "t1"
    training.mkdir(parents=True)
    pq.write_table(pa.table({"record_id": [record_id, "x"], "text": [SECRET, "y"]}), training / "scores.parquet")
    (training / "samples.jsonl").write_text(
        json.dumps({"record_id": record_id, "text": SECRET}) + "\n" + json.dumps({"record_id": "x", "text": "y"}) + "\n"
    )
    (training / "run.json").write_text(json.dumps({"data": first.version_id}))
    derived = Store(folder / "store").derived(first.version_id)
    derived.mkdir(parents=True)
    (derived / "report.html").write_text(f"<a href='{record_id}'>one</a>")
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return moved(original, tmp_path / "f")


def moved(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target, symlinks=True)
    rebuild(Store(target / "store"))  # its views hold absolute paths
    return target


def erase(folder: Path, record_id: str, **options: Any) -> Forgotten:
    return dataprep.forget(record_id, because=WHY, who="ann", rejects=[REJECT], store=folder / "store", **options)


@dataclass(frozen=True)
class Erased:
    """The same store with the record forgotten, and what was there before."""

    original: Path
    store: Store
    record_id: str
    told: Forgotten


@pytest.fixture(scope="module")
def erased(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    folder = moved(original, tmp_path_factory.mktemp("erased") / "f")
    record_id = id_of(folder)
    return Erased(original, Store(folder / "store"), record_id, erase(folder, record_id))


def test_nothing_of_a_forgotten_text_is_left_in_any_file_of_the_store(erased: Erased) -> None:
    before = places_of(erased.original / "store", SECRET, MOJIBAKE)
    for part in ("versions/", "runs/", "cache/prepare/", "training/"):
        assert any(name.startswith(part) for name in before), part
    for table in ("data", "removed", "records", "ledger", "rejects", "manifest.json"):
        assert any(f"/{table}" in name for name in before), table
    assert not places_of(erased.store.root, SECRET, MOJIBAKE)


def test_versions_keep_their_ids_and_verify(erased: Erased) -> None:
    for number in (1, 2):
        name = f"support@{number}"
        version = dataprep.open(name, store=erased.store.root)
        assert version.id == dataprep.open(name, store=erased.original / "store").id
        checked = verify(erased.store, name)
        assert checked.ok, checked.problems
        assert checked.forgotten == 1


@pytest.mark.parametrize("number", [1, 2])  # where it was kept, and where a rule had dropped it
def test_what_is_left_still_follows_from_its_own_text(erased: Erased, number: int) -> None:
    done = command("verify", f"support@{number}", "--recompute", "100%", "--json", "--store", erased.store.root)
    assert done.code == 0, done
    told = json.loads(done.stdout)
    assert told["ok"]
    assert told["recomputed"]["problems"] == []
    assert told["recomputed"]["records"] == 40


def test_readers_lack_the_record_and_have_all_others_as_they_were(erased: Erased) -> None:
    before = dataprep.open("support@1", store=erased.original / "store")
    after = dataprep.open("support@1", store=erased.store.root)
    rows = [row for batch in read_records(before.path) for row in batch.to_pylist()]
    left = [row for batch in read_records(after.path) for row in batch.to_pylist()]
    assert left == [row for row in rows if row["record_id"] != erased.record_id]
    others = pl.col("record_id") != erased.record_id
    for table in ("ledger", "signals", "lineage"):
        was, now = (getattr(version, table)().filter(others) for version in (before, after))
        assert now.equals(was)
    assert sum(after.splits.values()) == sum(before.splits.values()) - 1
    assert {name: after.split(name).height for name in after.splits} == after.splits
    (row,) = after.sql("from records").filter(~others).to_dicts()
    assert (row["text"], row["label"], row["meta"]) == (None, None, "{}")
    assert (row["status"], bool(row["digest"])) == ("kept", True)


def test_the_catalog_answers_any_client_afterwards(erased: Erased) -> None:
    with duckdb.connect(str(erased.store.current_catalog.resolve()), read_only=True) as con:
        assert con.sql("select count(distinct version), count(text) > 0 from records").fetchall() == [(2, True)]
    assert len(list(erased.store.catalog.glob("0*.duckdb"))) == 1


def test_why_says_that_it_was_forgotten_when_and_why(erased: Erased) -> None:
    for data in ("support@1", "support@2", erased.told.runs[0]):
        story = why(erased.store, erased.record_id, data)
        assert isinstance(story, Story)
        assert story.forgotten is not None
        assert (story.forgotten.when, story.forgotten.who) == (erased.told.when, "ann")
        shown = "\n".join(render(story, 300))
        assert f"forgotten on {erased.told.when[:10]} by ann" in shown
        assert WHY in shown
    reject = why(erased.store, REJECT, "support@1")
    assert isinstance(reject, RejectedRow)
    assert reject.raw == b""


def test_what_is_not_erased_is_named(erased: Erased) -> None:
    assert {(each.kind, Path(each.what).name) for each in erased.told.remains} == {
        ("source", "a.jsonl:18"),
        ("source", "a.jsonl:42"),
        ("training run", "t1"),
        ("file", "report.html"),
    }


def test_rows_of_training_runs_go_and_other_rows_stay(erased: Erased) -> None:
    training = erased.store.root / "training" / "t1"
    assert pl.read_parquet(training / "scores.parquet")["record_id"].to_list() == ["x"]
    assert (training / "samples.jsonl").read_text() == '{"record_id": "x", "text": "y"}\n'


def test_the_card_counts_forgotten_records(erased: Erased) -> None:
    card = (dataprep.open("support@1", store=erased.store.root).path / "README.md").read_text()
    assert "1 record was erased at somebody's request" in card


def test_a_dry_run_says_the_same_and_changes_nothing(original: Path, erased: Erased) -> None:
    def files() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in original.rglob("*") if path.is_file()}

    before = files()
    planned = erase(original, erased.record_id, dry_run=True)
    assert files() == before
    told = replace(erased.told, dry_run=True, when=planned.when, files=0, remains=planned.remains)
    assert planned == told
    assert [each.kind for each in planned.remains] == [each.kind for each in erased.told.remains]


def test_the_command_says_what_it_did_what_is_left_and_how_it_comes_back(erased: Erased) -> None:
    shown = "\n".join(report(erased.told))
    for words in ("forgot 1 record and 1 rejected row", "named: support@1 (train), support@2 (dropped)", "t1"):
        assert words in shown
    assert "a run over them brings it back" in shown


def test_a_run_over_sources_that_still_hold_it_brings_it_back_into_new_versions_only(folder: Path) -> None:
    def held_in(part: str) -> bool:
        return any(name.startswith(part) for name in places_of(folder / "store", MOJIBAKE))

    record_id = id_of(folder)
    erase(folder, record_id)
    publish(folder)  # arrives at the id of the first version, which is there and stays as it is
    assert held_in("cache/")
    assert not held_in("versions/")
    publish(folder, "rules.short={signal: n_words, op: '<', threshold: 30, action: flag}")
    assert held_in("versions/")
    told = erase(folder, record_id)
    assert told.already == ()
    assert not held_in("")


def test_forgetting_twice_changes_nothing_more(erased: Erased) -> None:
    manifest = dataprep.open("support@1", store=erased.store.root).manifest
    again = dataprep.forget(erased.record_id, because="again", store=erased.store.root)
    assert (again.records, again.already, again.files) == ((), (erased.record_id,), 0)
    assert dataprep.open("support@1", store=erased.store.root).manifest == manifest


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two datasets, the same text under other ids, one id for different records, a reject in a version and a run."""
    root = tmp_path / "store"
    card = [("user", f"my card {SECRET}"), ("assistant", "ok")]
    other = [("user", "hello"), ("assistant", "hi")]
    rejects = [
        {"source": "s", "path": "d/a.jsonl", "line": 9, "reason": "not_json", "digest": "ab", "raw": SECRET.encode()},
        {"source": "s", "path": "data/support.jsonl", "line": 0, "reason": "bad_file", "digest": "cd", "raw": b"head"},
    ]
    note = {"record_id": "aaaa1111", "step": "rules", "rule": "r", "action": "flag", "decisive": False}
    write_version(
        root,
        [
            Row("aaaa1111", card, line=1, label="gold", meta={"n": SECRET}),
            Row("aaaa2222", card, None, "dropped", "copy", "aaaa1111", line=2),
            Row("bbbb3333", other, split="test", line=3, label="red"),
            Row("7", [("user", "only in validation"), ("assistant", SECRET)], split="validation", line=4),
        ],
        ledger=[note | {"detail": SECRET}, note | {"record_id": "bbbb3333", "detail": "stays"}],
        pairs=[{"a_id": "aaaa1111", "b_id": "aaaa2222", "kind": "exact", "similarity": 1.0, "cluster_id": "aaaa1111"}],
        rejects=rejects,
    )
    write_version(root, [Row("7", other, line=1), Row("cccc4444", card, line=2)], dataset="faq", run_id="run-2")
    write_stopped_run(root, "run-3", rejects)
    return root


def run(root: Path, *ids: str, **options: Any) -> Forgotten:
    return forget(Store(root), ids, because=WHY, who="ann", **options)


def test_the_same_text_under_another_id_goes_as_well(small: Path) -> None:
    told = run(small, "aaaa1111")
    assert {each.record_id: each.relation for each in told.records} == {
        "aaaa1111": "named",
        "aaaa2222": "same text",
        "cccc4444": "same text",
    }
    assert told.records[2].held_by == ("faq@1 (train)",)
    assert told.versions == ("faq@1", "support@1") or told.versions == ("support@1", "faq@1")


def test_it_stays_if_only_this_id_is_meant_and_is_named_as_a_copy(small: Path) -> None:
    told = run(small, "aaaa1111", only_this_id=True)
    assert [each.record_id for each in told.records] == ["aaaa1111"]
    assert told.similar == ("aaaa2222",)
    removed = next(small.glob("versions/*/removed/*.parquet"))
    assert pl.read_parquet(removed)["record_id"].to_list() == ["aaaa2222"]


def test_an_id_may_be_shortened_if_it_stays_clear(small: Path) -> None:
    assert run(small, "cccc", only_this_id=True, dry_run=True).records[0].record_id == "cccc4444"
    with pytest.raises(InputError, match="more than one record's id begins with 'aaaa'"):
        run(small, "aaaa")


def test_one_id_of_different_records_needs_its_dataset(small: Path) -> None:
    with pytest.raises(InputError, match="names different records in faq and support"):
        run(small, "7")
    told = run(small, "7", dataset="support")
    assert told.versions == ("support@1",)
    assert pl.read_parquet(next(small.glob("versions/*/data/train-*")).parent.parent / "records/*.parquet").height


def test_a_split_that_is_left_without_records_has_no_file(small: Path) -> None:
    run(small, "7", dataset="support")
    version = dataprep.open("support@1", store=small)
    assert version.splits == {"train": 1, "test": 1}
    assert not list(version.path.glob("data/validation-*"))
    assert verify(Store(small), "support@1").ok


def test_a_reject_goes_wherever_its_bytes_are(small: Path) -> None:
    told = run(small, rejects=["a.jsonl:9"])
    assert [(each.source, len(each.held_by)) for each in told.rejects] == [("d/a.jsonl:9", 2)]
    rejects = pl.concat([pl.read_parquet(path) for path in small.glob("*/*/**/rejects/*.parquet")])
    gone = rejects.filter(pl.col("line") == 9)
    assert gone["raw"].to_list() == [None, None]
    assert gone["digest"].to_list() == ["ab", "ab"]
    assert rejects.filter(pl.col("line") == 0)["raw"].to_list() == [b"head", b"head"]


def test_the_kept_beginning_of_a_whole_file_goes_with_a_record_of_that_file(small: Path) -> None:
    told = run(small, "bbbb3333")
    assert [each.source for each in told.rejects] == ["data/support.jsonl:0"]
    assert not any(b"head" in path.read_bytes() for path in small.rglob("*.parquet"))


def test_a_note_that_quotes_a_label_of_nobody_else_goes(small: Path) -> None:
    path = next(path for path in small.glob("versions/*/manifest.json") if b'"support"' in path.read_bytes())
    notes = ["1 of 2 labels has no record in test: gold (1)", "2 goldfish, red (1)"]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"notes": notes}))
    run(small, "aaaa1111")
    assert json.loads(path.read_text())["notes"] == ["(left out: it quoted a forgotten record)", notes[1]]


@pytest.mark.parametrize(
    ("ids", "options", "message"),
    [
        (["nosuchid"], {}, "no version and no run holds a record 'nosuchid'"),
        ([], {}, "nothing to forget"),
        ([], {"rejects": ["a.jsonl:1000"]}, "no rejected row is at 'a.jsonl:1000'"),
        (["aaaa1111"], {"dataset": "spport"}, "no dataset is called 'spport'"),
    ],
)
def test_what_is_not_there_is_refused(small: Path, ids: list[str], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(small, *ids, **options)


def test_a_reason_is_needed(small: Path) -> None:
    with pytest.raises(InputError, match="a reason is needed"):
        forget(Store(small), ["aaaa1111"], because=" ")


def test_it_waits_for_no_run_and_says_which(small: Path) -> None:
    with live_run(Store(small), "run-9"), pytest.raises(MachineError, match="run run-9 is going on"):
        run(small, "aaaa1111")


def test_a_damaged_file_is_not_blessed(small: Path) -> None:
    path = next(small.glob("versions/*/removed/*.parquet"))
    content = bytearray(path.read_bytes())
    content[-len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises((InputError, OSError)):
        run(small, "aaaa1111")


class Killed(BaseException):
    """Stands for the end of the process: nothing in the program catches it."""


def changes(root: Path, stop_before: int | None = None) -> int:
    """Forget, and be killed before a change of the disk if asked; returns how many changes there were."""
    seen = 0

    def hook(operation: Operation, what: str) -> None:
        nonlocal seen
        seen += 1
        if seen == stop_before:
            raise Killed(operation, what)

    with hooked(hook):
        run(root, "aaaa1111", rejects=["d/a.jsonl:9"])
    return seen


def cut_off(small: Path, root: Path, at: int) -> None:
    shutil.copytree(small, root, symlinks=True)
    with pytest.raises(Killed):
        changes(root, at)
    for version in root.glob("versions/*"):
        assert sum(batch.num_rows for batch in read_records(version))
    if any(root.glob(f"versions/*/{PENDING}")):
        assert not all(verify(Store(root), name).ok for name in ("support", "faq"))
    run(root, "aaaa1111", rejects=["d/a.jsonl:9"])
    assert not places_of(root, f"card {SECRET}")
    assert all(verify(Store(root), name).ok for name in ("support", "faq"))
    assert not any(root.glob(f"versions/*/{PENDING}"))
    shutil.rmtree(root)


def test_a_killed_forget_is_finished_by_the_same_command(small: Path, tmp_path: Path) -> None:
    """Readers never fail, and the second time it ends as it should."""
    shutil.copytree(small, tmp_path / "whole", symlinks=True)
    total = changes(tmp_path / "whole")
    for at in range(5, total, total // 5):
        cut_off(small, tmp_path / "killed", at)


@pytest.mark.slow
def test_a_forget_killed_before_any_change_of_the_disk_is_finished(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "whole", symlinks=True)
    for at in range(1, changes(tmp_path / "whole") + 1):
        cut_off(small, tmp_path / "killed", at)
