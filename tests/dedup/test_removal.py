"""Which rows `dedup` removes: exactly those that brute force removes, each because of one that stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.dedup import scratch
from dataprep.dedup.finding import decide
from dataprep.dedup.job import dedup
from dataprep.dedup.kernel_engine import KernelEngine
from dataprep.dedup.settings import NearSettings
from dataprep.dedup.texts import TextBatch, Texts
from dataprep.errors import InputError
from dataprep.pairs.config import NearConfig
from tests.dedup.corpora import greedy, kept_ids, similarity, variants, write

DEFAULT = NearSettings()


def run(folder: Path, texts: list[str | None], **options: object) -> list[int]:
    source, target = write(folder / "in.parquet", texts), folder / "out.parquet"
    dedup(source, target, **({"text": ["text"]} | options))  # type: ignore[arg-type]
    return kept_ids(target)


def test_the_numbers_are_those_of_a_run() -> None:
    run_settings = NearConfig()
    for name in ("threshold", "ngram", "short_ngram", "short_below", "least_words", "permutations", "bands", "rows"):
        assert getattr(run_settings, name) == getattr(DEFAULT, name)
    assert (run_settings.floor, run_settings.recall(0.7)) == (DEFAULT.floor, DEFAULT.recall(0.7))


@pytest.mark.parametrize("seed", range(4))
def test_the_rows_that_stay_are_those_of_brute_force(tmp_path: Path, seed: int) -> None:
    texts = variants(seed, 150)
    assert run(tmp_path, list(texts)) == greedy(texts, DEFAULT)


@pytest.mark.parametrize("threshold", [0.5, 0.65, 1.0])
def test_the_threshold_and_the_shingles_are_the_users(tmp_path: Path, threshold: float) -> None:
    texts = variants(9, 100)
    chosen = NearSettings(threshold=max(threshold, 0.6), ngram=2)
    assert run(tmp_path, list(texts), threshold=chosen.threshold, ngram=2) == greedy(texts, chosen)


def test_every_removal_names_a_row_that_stays_and_their_exact_similarity(tmp_path: Path) -> None:
    texts = variants(5, 200)
    kept = set(run(tmp_path, list(texts)))
    pairs = pq.read_table(tmp_path / "out.pairs.parquet").to_pylist()
    gone = {pair["row"]: pair for pair in pairs if pair["similarity"] >= 0.8}
    assert gone.keys() == set(range(len(texts))) - kept
    for pair in pairs:
        assert pair["other"] in kept
        assert pair["similarity"] == pytest.approx(similarity(texts[pair["row"]], texts[pair["other"]], DEFAULT))
        assert pair["similarity"] >= 0.7


def test_a_chain_of_neighbours_is_not_removed(tmp_path: Path) -> None:
    words = [f"word{place}" for place in range(60)]
    # Each differs from the one before in one word at the beginning, the last from the first in twenty.
    texts: list[str | None] = [
        " ".join([*(f"new{place}" for place in range(step)), *words[step:]]) for step in range(20)
    ]
    assert run(tmp_path, texts) == greedy([text or "" for text in texts], DEFAULT)
    result = dedup(tmp_path / "in.parquet", tmp_path / "out.parquet", text=["text"])
    assert result.chained_share == 0.0
    assert result.kept > 1


def test_the_real_articles_have_exactly_their_ten_pairs(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "near_duplicates"
    lines = (folder / "articles_1000.train").read_text().splitlines()
    names = [line.split(" ", 1)[0] for line in lines]
    truth = {frozenset(line.split()) for line in (folder / "articles_1000.truth").read_text().splitlines() if line}
    run(tmp_path, [line.split(" ", 1)[1] for line in lines], threshold=0.5)
    pairs = pq.read_table(tmp_path / "out.pairs.parquet").to_pylist()
    found = {frozenset((names[pair["row"]], names[pair["other"]])) for pair in pairs if pair["similarity"] >= 0.5}
    assert found == truth


def test_short_rows_go_only_as_equal_text(tmp_path: Path) -> None:
    texts = ["yes", "Yes ", "yes!", "no", "", None, "!!!", "???", "ＹＥＳ"]
    assert run(tmp_path, list(texts)) == [0, 2, 3, 4, 6, 7]


def test_short_and_long_rows_are_never_compared(tmp_path: Path) -> None:
    words = [f"w{place}" for place in range(20)]
    assert run(tmp_path, [" ".join(words), " ".join(words[:19])]) == [0, 1]


def test_chinese_is_compared_by_characters(tmp_path: Path) -> None:
    text = "因为我们今天要去北京看长城所以早上七点就起床了天气很好大家都非常高兴一起坐火车出发路上还买了一些水果和面包"
    assert run(tmp_path, [text, text.replace("七", "八"), "完全不同的句子没有相同的地方也要保留下来"]) == [0, 2]


def test_rows_of_other_labels_are_not_compared_unless_the_text_alone_is_asked_for(tmp_path: Path) -> None:
    text = "please tell me how to change my card pin"
    source = tmp_path / "in.csv"
    source.write_text(f"text,label\n{text},a\n{text},b\n{text},a\nhi,a\nhi,b\n")
    assert dedup(source, tmp_path / "out.csv").kept == 4
    assert dedup(source, tmp_path / "out.csv", text=["text"]).kept == 2


@pytest.mark.parametrize("texts", [[], ["alone"], [None], ["a b c d e f g", "h i j k l m n"]])
def test_nothing_to_remove(tmp_path: Path, texts: list[str | None]) -> None:
    assert run(tmp_path, texts) == list(range(len(texts)))


def test_a_giant_cluster_costs_little_and_is_told_as_boilerplate(tmp_path: Path) -> None:
    words = [f"word{place}" for place in range(100)]
    draw = np.random.default_rng(3)
    texts: list[str | None] = []
    for _ in range(3_000):
        changed = list(words)
        changed[draw.integers(100)] = f"other{draw.integers(1000)}"
        texts.append(" ".join(changed))
    source = write(tmp_path / "in.parquet", texts)
    result = dedup(source, tmp_path / "out.parquet", text=["text"])
    assert result.kept < 100
    assert result.compared < 40 * len(texts)
    assert result.boilerplate[0]["rows"] > 1_000


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 4}, {"memory_bytes": 0}, {"memory_bytes": 1 << 60}])
def test_workers_memory_and_row_groups_change_nothing(tmp_path: Path, options: dict[str, int]) -> None:
    texts: list[str | None] = list(variants(11, 300))
    kept = run(tmp_path, texts)
    other = write(tmp_path / "parts.parquet", texts, row_group_size=17)
    dedup(other, tmp_path / "parts-out.parquet", text=["text"], **options)  # type: ignore[arg-type]
    assert kept_ids(tmp_path / "parts-out.parquet") == kept
    for table in ("pairs", "clusters"):
        one, two = (pq.read_table(tmp_path / f"{stem}.{table}.parquet") for stem in ("out", "parts-out"))
        assert one.equals(two)
    written = pq.read_metadata(tmp_path / "parts-out.parquet")
    assert max(written.row_group(group).num_rows for group in range(written.num_row_groups)) <= 17


def test_sets_outgrow_the_room_that_they_begin_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "IN_MEMORY_BYTES", 16)
    sets = scratch.ShingleSets(8, tmp_path, in_memory=1_000)
    for first in range(0, 8, 2):
        sets.append(np.array([0, 1, 3]), np.arange(first, first + 3, dtype=np.uint64))
    assert sets.offsets.tolist() == [0, 1, 3, 4, 6, 7, 9, 10, 12]
    assert sets.values[:12].tolist() == [0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8]


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "Straße", "你好", "कि", "e\u0301", "\x00", "“x”", "…", "½"]), max_size=12),
        max_size=12,
    )
)
@settings(max_examples=25)
def test_both_engines_remove_the_same_rows_of_any_text(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("both")
    texts: list[str | None] = [" ".join(words) for words in rows]
    assert run(folder, texts) == run(folder, texts, engine="datasketch")


@pytest.mark.parametrize(("options", "key"), [({"threshold": 0.2}, "--threshold"), ({"ngram": 0}, "--ngram")])
def test_impossible_numbers_are_the_users_mistake(tmp_path: Path, options: dict[str, float], key: str) -> None:
    with pytest.raises(InputError) as caught:
        run(tmp_path, ["a"], **options)
    assert caught.value.key == key
    assert caught.value.hint


class _Changing:
    """A source that has other rows the second time."""

    def __init__(self, once: list[str], then: list[str]) -> None:
        self._once, self._then = once, then

    def batches(self) -> Iterator[TextBatch]:
        yield TextBatch(len(self._once), [Texts.of(pa.array(self._once))])

    def rows(self) -> Iterator[tuple[TextBatch, None]]:
        yield TextBatch(len(self._then), [Texts.of(pa.array(self._then))]), None


@pytest.mark.parametrize("rows", [1, 3])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, rows: int) -> None:
    source = _Changing(["some words that are here"] * 2, ["some words that are here"] * rows)
    engine = KernelEngine(DEFAULT, signatures=False)
    with pytest.raises(InputError, match=r"in\.jsonl: changed while it was read"):
        decide(
            source, engine, lambda *_: None, bands=21, workers=1, folder=tmp_path, in_memory=1 << 20, shown="in.jsonl"
        )
