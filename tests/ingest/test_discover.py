from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from dataprep.errors import InputError
from dataprep.ingest.discover import discover, displayable, split_hint


def touch(base: Path, *names: str) -> None:
    for name in names:
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}\n")


def shown(base: Path, *patterns: str) -> list[str]:
    return [file.shown for file in discover(patterns, base=base, key="sources[0].path")[0]]


def refusal(base: Path, *patterns: str) -> InputError:
    with pytest.raises(InputError) as caught:
        discover(patterns, base=base, key="sources[0].path")
    return caught.value


def test_files_folders_and_globs_come_sorted_and_once(tmp_path: Path) -> None:
    touch(tmp_path, "b.jsonl", "a.jsonl", "data/2.csv", "data/1.csv", "data/deep/er/3.parquet")
    assert shown(tmp_path, "b.jsonl", "a.jsonl") == ["a.jsonl", "b.jsonl"]
    assert shown(tmp_path, "data") == ["data/1.csv", "data/2.csv", "data/deep/er/3.parquet"]
    assert shown(tmp_path, "*.jsonl") == ["a.jsonl", "b.jsonl"]
    assert shown(tmp_path, "data/[12].csv") == ["data/1.csv", "data/2.csv"]
    assert shown(tmp_path, "**/*.parquet") == ["data/deep/er/3.parquet"]
    assert len(shown(tmp_path, "**")) == 5
    assert shown(tmp_path, "data/**/*.csv") == ["data/1.csv", "data/2.csv"]


def test_size_time_and_real_path_are_recorded(tmp_path: Path) -> None:
    touch(tmp_path, "a.jsonl")
    (tmp_path / "link.jsonl").symlink_to("a.jsonl")
    (file,) = discover(["link.jsonl"], base=tmp_path, key="k")[0]
    status = (tmp_path / "a.jsonl").stat()
    assert (file.path, file.shown) == ((tmp_path / "a.jsonl").resolve(), "link.jsonl")
    assert (file.size, file.mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_a_file_outside_the_base_is_shown_with_its_whole_path(tmp_path: Path) -> None:
    touch(tmp_path, "data/a.jsonl", "project/pipeline.yaml")
    outside = str(tmp_path / "data" / "a.jsonl")
    assert shown(tmp_path / "project", outside) == [outside]
    assert shown(tmp_path / "project", "../data/*.jsonl") == [outside]


def test_a_file_named_twice_is_read_once_with_a_warning(tmp_path: Path) -> None:
    touch(tmp_path, "a.jsonl")
    (tmp_path / "again.jsonl").symlink_to("a.jsonl")
    files, warnings = discover(["*.jsonl", "a.jsonl", "./a.jsonl"], base=tmp_path, key="k")
    assert [file.shown for file in files] == ["a.jsonl"]
    assert warnings == ["a.jsonl, again.jsonl: named twice, read once"]


@pytest.mark.parametrize("name", ["a*.jsonl", "a?.jsonl", "a[1].jsonl", "[a-", "**"])
def test_a_file_that_exists_wins_over_the_pattern(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name, "a1.jsonl")
    assert shown(tmp_path, name) == [name]


def test_a_folder_says_what_it_skips(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *("d/a.jsonl", "d/README.md", "d/LICENSE.txt", "d/dataset_info.json", "d/.hidden.jsonl", "d/_SUCCESS"),
        *("d/.git/x.jsonl", "d/notes.docx"),
    )
    files, (warning,) = discover(["d"], base=tmp_path, key="k")
    assert [file.shown for file in files] == ["d/a.jsonl"]
    assert warning.startswith("d/.git, d/.hidden.jsonl, d/LICENSE.txt, d/README.md, d/_SUCCESS and 2 more: skipped")


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "d/README.md")
    assert "holds no data files" in str(refusal(tmp_path, "d"))


def test_nothing_found_names_the_pattern_and_the_key(tmp_path: Path) -> None:
    for pattern in ("absent.jsonl", "*.jsonl", "absent/*.jsonl", "absent/**"):
        error = refusal(tmp_path, pattern)
        assert (error.file, error.key) == (pattern, "sources[0].path")
    assert refusal(tmp_path, "").key == "sources[0].path"
    assert refusal(tmp_path, "a\0b").key == "sources[0].path"


def test_hugging_face_folders_work_as_they_are(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *("hub/README.md", "hub/data/train-00000-of-00002.parquet", "hub/data/train-00001-of-00002.parquet"),
        *("hub/data/test-00000-of-00001.parquet", "hub/data/validation-00000-of-00001.parquet"),
        *("disk/dataset_dict.json", "disk/train/data-00000-of-00001.arrow", "disk/train/state.json"),
    )
    files, _ = discover(["hub", "disk"], base=tmp_path, key="k")
    assert [(file.shown, file.split_hint) for file in files] == [
        ("disk/train/data-00000-of-00001.arrow", "train"),
        ("hub/data/test-00000-of-00001.parquet", "test"),
        ("hub/data/train-00000-of-00002.parquet", "train"),
        ("hub/data/train-00001-of-00002.parquet", "train"),
        ("hub/data/validation-00000-of-00001.parquet", "validation"),
    ]


@pytest.mark.parametrize(
    ("relative", "split"),
    [
        ("name_train.csv", "train"),
        ("name-dev.jsonl.gz", "validation"),
        ("val.json", "validation"),
        ("TEST.tsv", "test"),
        ("test/part1.csv", "test"),
        ("test/train.csv", "train"),
        ("training.csv", "train"),
        ("restraint.csv", None),
        ("contest.csv", None),
        ("trainer.csv", None),
        ("train_vs_test.csv", None),
        ("a.csv", None),
    ],
)
def test_split_names_are_whole_words(relative: str, split: str | None) -> None:
    assert split_hint(relative) == split


def test_folders_above_the_pattern_give_no_split(tmp_path: Path) -> None:
    touch(tmp_path, "test/a.csv", "test/train/a.csv")
    hints = {f.shown: f.split_hint for f in discover([str(tmp_path / "test" / "**")], base=tmp_path, key="k")[0]}
    assert hints == {"test/a.csv": None, "test/train/a.csv": "train"}
    assert discover(["test/a.csv"], base=tmp_path, key="k")[0][0].split_hint is None


class TestWhatIsNoFile:
    """Each is named in an error, however it was reached, and nothing is waited for."""

    @pytest.fixture(params=["literal", "glob", "folder", "deep glob"])
    def pattern(self, request: pytest.FixtureRequest) -> str:
        return {"literal": "d/x.jsonl", "glob": "d/*.jsonl", "folder": "d", "deep glob": "**/*.jsonl"}[request.param]

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        touch(tmp_path, "d/good.jsonl")
        return tmp_path / "d" / "x.jsonl"

    def test_fifo(self, place: Path, pattern: str) -> None:
        os.mkfifo(place)
        error = refusal(place.parents[1], pattern)
        assert (error.file, error.message) == ("d/x.jsonl", "is a FIFO, not a file that holds data")

    def test_socket(self, place: Path, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(place.parent)  # the path of a socket may not be long
        with socket.socket(socket.AF_UNIX) as endpoint:
            endpoint.bind(place.name)
            assert "is a socket" in str(refusal(place.parents[1], pattern))

    def test_folder_named_as_a_file(self, place: Path, pattern: str) -> None:
        touch(place, "inner.jsonl")
        error = refusal(place.parents[1], pattern)
        assert (error.file, error.message) == ("d/x.jsonl", "is a folder, not a file")

    def test_dangling_link(self, place: Path, pattern: str) -> None:
        place.symlink_to("nowhere")
        error = refusal(place.parents[1], pattern)
        assert (error.file, error.message) == ("d/x.jsonl", "a link that leads nowhere")

    def test_link_to_itself(self, place: Path, pattern: str) -> None:
        place.symlink_to("x.jsonl")
        assert refusal(place.parents[1], pattern).file == "d/x.jsonl"

    def test_device(self, place: Path, pattern: str) -> None:
        place.symlink_to("/dev/zero")
        assert "is a device" in str(refusal(place.parents[1], pattern))

    def test_no_permission(self, place: Path, pattern: str) -> None:
        touch(place.parent, place.name)
        place.chmod(0)
        if os.access(place, os.R_OK):
            pytest.skip("this user may read everything")
        assert "no permission" in str(refusal(place.parents[1], pattern))


@pytest.mark.parametrize("pattern", ["d", "d/**", "d/**/*.jsonl"])
def test_links_in_a_circle_are_refused_not_followed(tmp_path: Path, pattern: str) -> None:
    touch(tmp_path, "d/a.jsonl")
    for name in ("up", "up2", "up3"):
        (tmp_path / "d" / name).symlink_to("../d")
    error = refusal(tmp_path, pattern)
    assert (error.file, error.message) == ("d/up", "a link that leads back to a folder above it")


def test_a_link_to_another_folder_is_followed(tmp_path: Path) -> None:
    touch(tmp_path, "d/a.jsonl", "elsewhere/b.jsonl")
    (tmp_path / "d" / "more").symlink_to("../elsewhere")
    assert shown(tmp_path, "d") == ["d/a.jsonl", "d/more/b.jsonl"]


@pytest.mark.parametrize(
    "name",
    [
        *("with space.jsonl", "quo'te\".jsonl", "'; drop table x --.jsonl", "<script>alert(1)<script>.jsonl"),
        *(
            "new\nline.jsonl",
            "esc\x1b[31m.jsonl",
            "right\u202eleft.jsonl",
            "x" * 249 + ".jsonl",
            "-rf.jsonl",
            "é.jsonl",
        ),
    ],
)
def test_hostile_names_are_read_and_shown_safely(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    for pattern in (name, "*.jsonl", "."):
        (file,) = discover([pattern], base=tmp_path, key="k")[0]
        assert file.path.name == name
        assert file.shown.isprintable()
        assert file.shown == displayable(name)


def test_a_name_that_is_no_text_is_read_and_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jsonl")).touch()
    (file,) = discover(["*.jsonl"], base=tmp_path, key="k")[0]
    assert file.shown == "caf\\xe9.jsonl"
    file.shown.encode()
    assert file.path.is_file()
