"""Names of versions, reading them back, and whether they are still what was published."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.store.layout import Store
from dataprep.store.names import resolve
from dataprep.store.reading import Version, open_version
from dataprep.store.records import read_records
from dataprep.store.verify import verify
from tests.store.builder import Row, write_reference, write_version

PAIR = [("user", "hi"), ("assistant", "yo")]
ROLES = ["system", "user", "assistant", "tool", "text"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    write_version(tmp_path, [Row("a", PAIR), Row("b", PAIR, split="test"), Row("c", PAIR, split=None, status="held")])
    write_version(tmp_path, [Row("d", PAIR)], number=2, run_id="run-2")
    return Store(tmp_path)


def test_a_version_has_all_its_names(store: Store) -> None:
    second = resolve(store, "support@2")
    assert second == resolve(store, "support@latest") == resolve(store, "support")
    assert second == resolve(store, second.version_id) == resolve(store, second.version_id[:6])
    write_reference(store.root, "support", "candidate", second.version_id)
    assert resolve(store, "support@candidate").version_id == second.version_id


def test_a_dataset_may_have_an_at_sign_in_its_name(store: Store) -> None:
    version_id = write_version(store.root, [Row("e", PAIR)], dataset="a@b", run_id="run-3")
    assert resolve(store, "a@b").version_id == resolve(store, "a@b@1").version_id == version_id


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("suport", "did you mean 'support'"),
        ("suport@1", "did you mean 'support'"),
        ("support@3", "there are: 1, 2, latest"),
        ("support@candidate", "there are: 1, 2, latest"),
        ("0123456789", "no version's id starts with"),
        ("../support", "no dataset is called"),
        ("", "no dataset is called"),
    ],
)
def test_a_name_of_nothing_says_what_there_is(store: Store, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve(store, name)


def test_a_version_gives_its_tables_as_frames(store: Store) -> None:
    version = open_version("support@1", store=store.root)
    assert version.splits == {"train": 1, "test": 1}
    assert version.split("train")["record_id"].to_list() == ["a"]
    assert version.scan("test").collect().height == 1
    assert version.sql("SELECT status, count(*) FROM records GROUP BY ALL ORDER BY ALL").rows() == [
        ("held", 1),
        ("kept", 2),
    ]
    assert version.signals()["n_words"].to_list() == [2, 2, 2]
    assert version.ledger().is_empty()
    assert version.funnel().height == 2
    assert version.rejects().is_empty()
    with pytest.raises(InputError, match="did you mean 'train'"):
        version.split("trian")


def test_a_file_that_is_gone_is_an_error_and_not_fewer_rows(store: Store) -> None:
    version = open_version("support@1", store=store.root)
    (version.path / "data/test-00000-of-00001.parquet").unlink()
    with pytest.raises(InputError, match="gone"):
        version.split("train")


turns = st.lists(st.tuples(st.sampled_from(ROLES[:4]), st.none() | st.text(max_size=8)), max_size=4)
pair = st.tuples(st.none() | st.text(), st.none() | st.text()).map(
    lambda texts: [("user", texts[0]), ("assistant", texts[1])]
)
document = st.text().map(lambda text: [("text", text)])


@settings(max_examples=20, deadline=None)
@given(
    shape_and_turns=st.one_of(
        st.tuples(st.just("messages"), st.lists(turns | pair, min_size=1, max_size=4)),
        st.tuples(st.just("prompt_completion"), st.lists(pair, min_size=1, max_size=4)),
        st.tuples(st.just("text"), st.lists(document, min_size=1, max_size=4)),
    ),
    fates=st.lists(st.sampled_from(["kept", "held", "dropped"]), min_size=4, max_size=4),
)
def test_records_read_back_are_the_records(
    tmp_path_factory: pytest.TempPathFactory,
    shape_and_turns: tuple[str, list[list[tuple[str, str | None]]]],
    fates: list[str],
) -> None:
    shape, conversations = shape_and_turns
    root = tmp_path_factory.mktemp("store")
    rows = [
        Row(str(index), turns, status=fate, split="train" if fate == "kept" else None)
        for index, (turns, fate) in enumerate(zip(conversations, fates, strict=False))
    ]
    version_id = write_version(root, rows, shape=shape)
    batches = [batch.to_pylist() for batch in read_records(Store(root).version(version_id), rows_per_batch=2)]
    found = {row["record_id"]: [(t["role"], t["content"]) for t in row["turns"]] for batch in batches for row in batch}
    assert found == {row.record_id: row.turns for row in rows}


def test_some_records_can_be_read_alone(store: Store) -> None:
    version = Version(store, resolve(store, "support@1"))
    ids = [row["record_id"] for batch in read_records(version.path, record_ids=["c", "a"]) for row in batch.to_pylist()]
    assert ids == ["a", "c"]


def test_verify_is_content_with_what_was_published(store: Store) -> None:
    result = verify(store, "support@1")
    assert result.ok
    assert result.files == 9


def test_verify_names_a_file_with_one_flipped_bit(store: Store) -> None:
    path = store.version(resolve(store, "support@1").version_id) / "data/train-00000-of-00001.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (problem,) = verify(store, "support@1").problems
    assert (problem.file, problem.kind) == ("data/train-00000-of-00001.parquet", "changed")


def test_verify_names_missing_shortened_and_added_files(store: Store) -> None:
    folder = store.version(resolve(store, "support@1").version_id)
    (folder / "data/test-00000-of-00001.parquet").unlink()
    (folder / "ledger/ledger-00000.parquet").write_bytes(b"PAR1")
    (folder / "data/extra.parquet").write_bytes(b"")
    assert [(problem.file, problem.kind) for problem in verify(store, "support@1").problems] == [
        ("data/extra.parquet", "undeclared"),
        ("data/test-00000-of-00001.parquet", "missing"),
        ("ledger/ledger-00000.parquet", "size"),
    ]


def test_verify_says_that_a_manifest_is_broken(store: Store) -> None:
    folder = store.version(resolve(store, "support@1").version_id)
    (folder / "manifest.json").write_text("[]")
    assert [problem.kind for problem in verify(store, "support@1").problems] == ["manifest"]
