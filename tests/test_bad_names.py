"""Names and ids that try to do harm, through the real command,
by the rows of the table in `docs/bad-input.md`.

Details of reading are tested in `tests/ingest`; here is what a user meets: exit code, message, what is published, the
rejects in SQL, the notes in the manifest, and that the numbers add up.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dataprep
from tests.bad_inputs import HOSTILE, Desk, good, is_harmless, lines
from tests.making import pair, pairs

HOSTILE_FILE = HOSTILE.replace("/", "")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A dataset, a source, a file, a column, a label and a store that are all named to do harm."""
    desk = Desk(tmp_path_factory.mktemp("hostile"), store_name=f"{HOSTILE_FILE}store")
    rows = [row | {HOSTILE: f"value {n}", "l": HOSTILE} for n, row in enumerate(pairs(40))]
    desk.write(f"{HOSTILE_FILE}.jsonl", lines([*rows, pair("", "x"), b"oops"]))
    desk.run([{"name": HOSTILE, "path": f"{HOSTILE_FILE}.jsonl", "label": "l"}], name=HOSTILE)
    return desk


class TestHostileNames:  # row 28
    def test_the_data_is_intact(self, hostile: Desk) -> None:
        manifest = hostile.manifest()
        assert manifest["dataset"] == HOSTILE
        assert hostile.texts()[0] == (pairs(1)[0]["prompt"], pairs(1)[0]["completion"])
        column = next(name for name in manifest["meta_columns"])
        assert manifest["meta_columns"][column]["key"] == HOSTILE
        frame = dataprep.open(f"{HOSTILE}@latest", store=hostile.store).split("train")
        assert len(set(frame[column])) == frame.height
        assert set(frame["label"]) == {HOSTILE}

    @pytest.mark.parametrize(
        "command",
        [
            ("versions",),
            ("show", f"{HOSTILE}@latest", "-n", "50"),
            ("show", HOSTILE, "--dropped"),
            ("why", "What is the number after 3, please?"),
            ("why", "oops"),
            ("sql", "from records"),
            ("sql", "from rejects"),
            ("sql", "from versions"),
            ("sql", "from funnel", "--data", f"{HOSTILE}@1"),
            ("sql", "label_balance"),
            ("verify", HOSTILE),
            ("catalog",),
        ],
    )
    def test_no_command_lets_a_name_drive_the_terminal(self, hostile: Desk, command: tuple[str, ...]) -> None:
        done = hostile.command(*command)
        assert done.code == 0, done
        assert is_harmless(done.out + done.err)

    def test_run_plan_and_errors_are_harmless_and_names_stay_on_one_line(self, hostile: Desk) -> None:
        pipeline = hostile.folder / "pipeline.yaml"
        for command in (
            ("run", pipeline),
            ("plan", pipeline),
            ("show", f"{HOSTILE}@9"),
            ("run", hostile.folder / HOSTILE),
        ):
            done = hostile.command(*command)
            assert is_harmless(done.out + done.err)
            assert not [line for line in (done.out + done.err).splitlines() if line.startswith(("\\x1b", "'; drop"))]

    def test_the_card_holds_no_live_markup(self, hostile: Desk) -> None:
        manifest = hostile.manifest()
        card = (hostile.store / "versions" / manifest["version_id"] / "README.md").read_text(encoding="utf-8")
        body = card.split("---\n", 2)[2]
        assert is_harmless(card)
        assert "<script" not in body
        assert not [line for line in body.splitlines() if line.startswith("'; drop")]

    def test_exports_hold_the_data(self, hostile: Desk) -> None:
        for name in ("out.jsonl", "out.csv", "out.parquet", HOSTILE_FILE):
            done = hostile.command("export", HOSTILE, hostile.folder / "exports" / name)
            assert done.code == 0, done
            assert is_harmless(done.out)
        rows = [json.loads(line) for line in (hostile.folder / "exports" / "out.jsonl").read_bytes().splitlines()]
        assert len(rows) == 40
        assert {row["label"] for row in rows} == {HOSTILE}

    def test_the_catalog_still_has_its_tables(self, hostile: Desk) -> None:
        assert hostile.sql("select count(*) from records").item() == 41

    def test_names_of_255_bytes(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        name = "é" * 124 + ".jsonl"
        desk.write(name, lines([row | {"ü" * 127: 1} for row in pairs(40)]))
        desk.run([{"name": "ß" * 127, "path": name}], name="ö" * 255)
        assert desk.manifest()["counts"]["kept"] == 40
        assert desk.command("show", f"{'ö' * 255}@1").code == 0

    def test_a_name_cannot_leave_the_store(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path / "inner")
        desk.write("a.jsonl", good())
        for name in ("../../x", "..", ".", "/etc/x", "a/b", "a@latest"):
            desk.pipeline({"path": "a.jsonl"}, name=name)
            assert desk.command("run", desk.folder / "pipeline.yaml").code == 0
            assert dataprep.open(f"{name}@latest", store=desk.store).split("train").height > 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["inner"]
        assert sorted(path.name for path in desk.folder.iterdir()) == ["a.jsonl", "pipeline.yaml", "store"]


class TestIds:  # row 31
    def test_two_rows_with_one_id_are_named(self, desk: Desk) -> None:
        desk.write("a.jsonl", lines([row | {"id": n} for n, row in enumerate(pairs(40))]))
        desk.write("b.jsonl", lines([pair("another question, is it?", "yes", id=7)]))
        done = desk.run({"path": "*.jsonl", "id": "id"}, code=2)
        assert "a.jsonl line 8" in done.err
        assert "b.jsonl line 1" in done.err
        assert "'7'" in done.err

    def test_a_suffix_is_given_with_a_verdict_whatever_the_order_of_files(self, desk: Desk) -> None:
        rows = [row | {"id": n // 4} for n, row in enumerate(pairs(40))]
        found = []
        for part in (rows, rows[::-1]):
            desk.write("a.jsonl", lines(part[:15]))
            desk.write("b.jsonl", lines(part[15:]))
            pipeline = desk.pipeline({"name": "s", "path": "*.jsonl", "id": "id", "on_duplicate_id": "suffix"})
            found.append(dataprep.run(pipeline, store=desk.store).version_id)
        assert found[0] == found[1]
        ids = desk.sql("select record_id from records").to_series().to_list()
        assert len(set(ids)) == 40
        assert {f"{n}" for n in range(10)} <= set(ids)
        verdicts = desk.sql("select * from ledger where rule = 'duplicate_id'")
        assert verdicts.height == 30
        assert set(verdicts["record_id"]) == set(ids) - {f"{n}" for n in range(10)}

    def test_a_suffix_never_meets_an_id_that_is_there(self, desk: Desk) -> None:
        rows = [row | {"id": "a"} for row in pairs(2)]
        desk.write("a.jsonl", lines(rows))
        source = {"path": "a.jsonl", "id": "id", "on_duplicate_id": "suffix"}
        desk.run(source)
        (taken,) = desk.sql("select record_id from records where record_id <> 'a'").to_series().to_list()
        desk.write("a.jsonl", lines([*rows, pairs(3)[2] | {"id": taken}]))
        done = desk.command("run", desk.pipeline(source))
        assert done.code in (0, 2), done
        counts = desk.sql("select count(*) - count(distinct record_id) from records where version = 2").item()
        assert counts == 0

    def test_ids_that_are_empty_long_or_of_several_lines(self, desk: Desk) -> None:
        ids = ["", None, "x" * 100_000, "a\nb\x1b[31m", " ", "'; drop table ids; --", "a%b", "support@latest"]
        desk.write("a.jsonl", good() and lines([row | {"id": value} for row, value in zip(pairs(8), ids, strict=True)]))
        desk.run({"path": "a.jsonl", "id": "id"})
        assert set(desk.reasons().values()) == {"missing_id"}
        kept = set(desk.sql("select record_id from records").to_series())
        assert set(ids[2:]) - {" "} <= kept
        assert is_harmless(desk.command("sql", "from records").out)
        assert desk.command("why", "a\nb\x1b[31m").code == 0
