"""`dataprep.clusters`: the largest clusters and the most doubtful removals, of versions and of stopped runs."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

import dataprep
from dataprep.budgets.page import BudgetError
from dataprep.clusters import ClusterReport, find_clusters
from dataprep.clusters_text import render
from dataprep.errors import InputError
from dataprep.flow import RunResult
from dataprep.store.layout import Store
from tests.making import pair, run_yaml, write_jsonl
from tests.store.builder import Row, write_stopped_run, write_version

YAML = """
name: near
sources: [{path: data.jsonl}]
splits: {train: 0.8, validation: 0.1, test: 0.1}
"""
WORDS = [f"{first}{second}" for first in ("ka", "lo", "mi", "nu", "pe", "ra", "so", "tu") for second in "bdfghjklmn"]


def text(random_: random.Random, words: int) -> str:
    return " ".join(random_.choice(WORDS) for _ in range(words))


def write_data(folder: Path) -> None:
    """Ten families of one long text with one to nine words appended, eight exact copies, 40 records like nothing."""
    random_ = random.Random(7)
    rows = []
    for family in range(10):
        question = text(random_, 60)
        rows += [pair(f"{question} {text(random_, extra)}", f"answer {family}") for extra in range(1, 10)]
    rows += [pair("What is it that is copied here?", "This one.")] * 8
    rows += [pair(text(random_, 30), text(random_, 10)) for _ in range(40)]
    write_jsonl(folder / "data.jsonl", rows)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("clusters")
    write_data(folder)
    return run_yaml(folder, YAML)


@pytest.fixture
def store(made: RunResult) -> Store:
    return Store(made.path.parent.parent)


def lines_of(report: ClusterReport, width: int = 100) -> str:
    return "\n".join(render(report, width))


def test_the_largest_clusters_come_first_with_what_became_of_them(store: Store) -> None:
    report = find_clusters(store, "near", n=20)
    sizes = [cluster.records for cluster in report.largest]
    assert sizes == sorted(sizes, reverse=True)
    assert (report.clusters, report.records) == (len(sizes), sum(sizes))
    for cluster in report.largest:
        assert sum(cluster.fates.values()) == cluster.records
        assert cluster.first.record_id == cluster.cluster_id
        assert cluster.kind == ("near" if cluster.least_similarity < 1 else "exact")


def test_the_most_doubtful_removals_are_the_least_similar_of_each_record_that_stays(
    made: RunResult, store: Store
) -> None:
    report = find_clusters(store, "near", n=100, largest=False)
    version = dataprep.open("near", store=store.root)
    near = version.sql("select * from ledger where rule = 'near_duplicate' and decisive and similarity < 1")
    assert report.removed == near.height == sum(one.others + 1 for one in report.doubtful)
    similarities = [one.similarity for one in report.doubtful]
    assert similarities == sorted(similarities)
    assert {one.partner.record_id for one in report.doubtful if one.partner} == set(near["partner_id"])
    assert similarities[0] == near["similarity"].min()
    assert not report.largest


def test_a_removal_stands_beside_the_record_that_stays_with_the_words_that_differ(store: Store) -> None:
    for one in find_clusters(store, "near", n=100, largest=False).doubtful:
        assert one.went
        assert one.record.status == "dropped"
        assert one.partner is not None
        assert one.partner.status == "kept"
        assert one.diff is not None
        assert "".join(words for operation, words in one.diff if operation != "insert") == one.partner.text
        assert "".join(words for operation, words in one.diff if operation != "delete") == one.record.text


def test_one_kind_only(store: Store) -> None:
    exact = find_clusters(store, "near", kind="exact", n=50)
    assert {cluster.kind for cluster in exact.largest} == {"exact"}
    assert exact.largest[0].records == 8
    assert not exact.doubtful
    near = find_clusters(store, "near", kind="near", n=50)
    assert {cluster.kind for cluster in near.largest} == {"near"}
    assert near.clusters + exact.clusters == find_clusters(store, "near").clusters


def test_a_kind_that_there_is_not_is_a_mistake(store: Store) -> None:
    with pytest.raises(InputError, match="kinds: exact, near"):
        find_clusters(store, "near", kind="nera")


def test_the_cluster_of_one_record_has_all_its_members(store: Store) -> None:
    cluster = find_clusters(store, "near", n=1, kind="near").largest[0]
    member = cluster.members[0].record.record_id
    report = find_clusters(store, "near", record=member[:10], members=100)
    (own,) = report.largest
    assert report.record == member
    assert own.cluster_id == cluster.cluster_id
    ids = {own.cluster_id, *(one.record.record_id for one in own.members)}
    assert len(ids) == own.records == cluster.records
    went = [one.went for one in own.members]
    assert went == sorted(went, reverse=True)


def test_the_pairs_below_the_threshold_say_why_a_record_stays(store: Store) -> None:
    pairs = dataprep.open("near", store=store.root).pairs()
    below = pairs.filter(pairs["cluster_id"].is_null()).row(0, named=True)
    report = find_clusters(store, "near", record=below["a_id"], n=100)
    found = {(one.partner.record_id, one.similarity) for one in report.below if one.partner}
    assert (below["b_id"], below["similarity"]) in found
    assert not any(one.went for one in report.below)


def test_a_record_like_no_other_is_said_to_be_in_no_cluster(store: Store) -> None:
    query = "from records where record_id not in (select a_id from pairs union all select b_id from pairs)"
    record_id = dataprep.open("near", store=store.root).sql(query)["record_id"][0]
    report = find_clusters(store, "near", record=record_id)
    assert not report.largest
    assert f"{record_id[:12]} is in no cluster" in lines_of(report)


def test_ids_that_name_no_record_are_mistakes(store: Store) -> None:
    with pytest.raises(InputError, match="no record"):
        find_clusters(store, "near", record="zzzz")
    with pytest.raises(InputError, match="four characters"):
        find_clusters(store, "near", record="0")


def test_a_version_gives_the_same_as_the_function(store: Store) -> None:
    version = dataprep.open("near", store=store.root)
    assert version.clusters(2, members=1) == find_clusters(store, "near", n=2, members=1)
    frame = version.clusters(2).frame()
    assert set(frame["part"]) == {"largest", "doubtful"}
    assert frame.filter(frame["part"] == "doubtful")["similarity"].is_sorted()


def test_a_stopped_run_shows_the_text_that_its_cache_has(tmp_path: Path) -> None:
    write_data(tmp_path)
    with pytest.raises(BudgetError) as caught:
        run_yaml(tmp_path, YAML + "budgets: {rules: {near_duplicate: 0.01}}\n")
    store = Store(tmp_path / "store")
    report = find_clusters(store, caught.value.run_id)
    assert report.data == caught.value.run_id
    assert report.removed
    assert all(one.diff for one in report.doubtful)
    shutil.rmtree(tmp_path / "store/cache")
    report = find_clusters(store, caught.value.run_id)
    assert {one.record.missing for one in report.doubtful} == {"no longer in the cache"}
    assert "(the text is no longer in the cache)" in lines_of(report)


def test_a_run_that_stopped_before_duplicates_says_so(tmp_path: Path) -> None:
    write_version(tmp_path, [Row("a", [("text", "hi")])], shape="text")
    write_stopped_run(tmp_path, "run-9", [{"source": "s", "path": "p", "line": 1, "reason": "x", "raw": b"y"}])
    with pytest.raises(InputError, match="before any duplicates"):
        find_clusters(Store(tmp_path), "run-9")


def test_text_that_was_not_kept_is_said_to_be_so(tmp_path: Path) -> None:
    write_data(tmp_path)
    result = run_yaml(tmp_path, YAML + "output: {keep_removed: none}\n")
    report = find_clusters(Store(tmp_path / "store"), result.version_id)
    assert {one.record.missing for one in report.doubtful} == {"not kept: output.keep_removed"}
    assert all(one.partner is not None and one.partner.text for one in report.doubtful)
    assert all(one.diff is None for one in report.doubtful)
    assert "(the text is not kept: output.keep_removed)" in lines_of(report)


def test_a_forgotten_text_is_said_to_be_so(tmp_path: Path) -> None:
    write_data(tmp_path)
    run_yaml(tmp_path, YAML)
    store = Store(tmp_path / "store")
    gone = find_clusters(store, "near", n=1).doubtful[0].record.record_id
    dataprep.forget(gone, because="asked for", who="ann", store=store.root, only_this_id=True)
    report = find_clusters(store, "near", record=gone, members=100)
    told = next(one for one in report.largest[0].members if one.record.record_id == gone)
    assert told.record.text is None
    assert "by ann" in (told.record.missing or "")
    assert "forgotten on" in lines_of(report)


SMALL = [
    Row("first", [("user", "a\x1b[2J b same words"), ("assistant", "yes\u202e")], label="x\ny"),
    Row("near", [("user", "a\x1b[2J c same words"), ("assistant", "yes\u202e")], None, "dropped", "near_duplicate"),
    Row("long", [("user", "one"), ("assistant", "two")], line=3),
    Row("short", [("user", "one"), ("assistant", "")], None, "dropped", "conversation_prefix", line=4),
    Row("known", [("user", "old"), ("assistant", "news")], None, "dropped", "known_before", line=5),
]
PAIRS = [
    {"a_id": "first", "b_id": "near", "kind": "near", "similarity": 0.81, "cluster_id": "first"},
    {"a_id": "short", "b_id": "long", "kind": "prefix", "similarity": None, "cluster_id": None},
]
VERDICT = {"step": "dedup", "action": "drop", "decisive": True}
LEDGER = [
    {"record_id": "near", "rule": "near_duplicate", "partner_id": "first", "similarity": 0.81, "threshold": 0.8},
    {"record_id": "short", "rule": "conversation_prefix", "partner_id": "long", "detail": "a longer one"},
    {"record_id": "known", "rule": "known_before", "similarity": 0.9, "threshold": 0.8, "detail": "old@1: 8f3\x1b"},
]


@pytest.fixture
def small(tmp_path: Path) -> Store:
    write_version(tmp_path, SMALL, ledger=[VERDICT | line for line in LEDGER], pairs=PAIRS)
    return Store(tmp_path)


def test_nothing_drives_the_terminal(small: Store) -> None:
    told = lines_of(find_clusters(small, "support"))
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "[-b-]{+c+}" in told
    assert "label x\\ny" in told


def test_a_record_known_from_an_earlier_version_names_it(small: Store) -> None:
    known = find_clusters(small, "support").doubtful[1]
    assert known.partner is None
    assert known.diff is None
    assert "known_before, old@1: 8f3\\x1b" in lines_of(find_clusters(small, "support"))


def test_kinds_that_are_no_copies_are_given_when_asked_for(small: Store) -> None:
    assert [cluster.kind for cluster in find_clusters(small, "support").largest] == ["near"]
    (cluster,) = find_clusters(small, "support", kind="prefix").largest
    assert (cluster.kind, cluster.cluster_id, cluster.least_similarity) == ("prefix", "long", None)
    assert [(one.record.record_id, one.went) for one in cluster.members] == [("short", True)]
    (own,) = find_clusters(small, "support", record="short").largest
    assert own == cluster


def test_long_texts_show_their_differences_with_context_and_not_the_whole(tmp_path: Path) -> None:
    words = " ".join(f"word{index}" for index in range(3_000))
    rows = [
        Row("first", [("user", words), ("assistant", "yes")]),
        Row(
            "near", [("user", f"Hello {words} {'x' * 5_000}"), ("assistant", "yes")], None, "dropped", "near_duplicate"
        ),
    ]
    verdict = VERDICT | {"record_id": "near", "rule": "near_duplicate", "partner_id": "first", "similarity": 0.9}
    write_version(tmp_path, rows, ledger=[verdict], pairs=[PAIRS[0]])
    told = lines_of(find_clusters(Store(tmp_path), "support", largest=False))
    assert "{+ Hello+}" in told
    assert "word1500" not in told
    assert len(told) < 1_500
