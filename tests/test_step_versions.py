"""The version number of a step follows its code, so that no cached result of older code is taken for a new one.

Where results change, raise the number; then (or where they do not change) run `python -m tests.test_step_versions`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dataprep.clean import CLEANERS
from dataprep.decide import DECIDE_VERSION
from dataprep.fingerprints import INGEST_VERSION, KEYS_VERSION, NEAR_VERSION
from dataprep.gather import GATHER_VERSION
from dataprep.known import KNOWN_VERSION
from dataprep.pairing import PAIRS_VERSION
from dataprep.signals import families
from tests.code_digest import code_digest, imported_modules

VERSIONS = Path(__file__).with_name("step_versions.json")
RECORDED_WITH = (3, 11)  # ast.unparse, which the digests are of, may write the same code otherwise elsewhere
STATEMENTS = sorted(Path(__file__).parents[1].glob("sql/steps/*.sql"))
GATHERING = [path for path in STATEMENTS if path.stem in ("gather", "gathered", "gather_prefixes", "repeated_ids")]
CLEANING = ("dataprep.clean.cleaner", "dataprep.clean.prefilter", "dataprep.clean.cuts")
"""What runs the cleaners: it can change what any of them does."""


def current_versions() -> dict[str, dict[str, int | str]]:
    versions: dict[str, dict[str, int | str]] = {
        "ingest": {
            "version": INGEST_VERSION,
            "code": code_digest(
                ["dataprep.parts", "dataprep.record", "dataprep.digests", "dataprep.ingest.formats"],
                rooms=[
                    "dataprep.ingest",
                    *(f"dataprep.kernels.{name}" for name in ("jsonstrings", "jsontexts", "lines")),
                ],
            ),
        },
        "keys": {
            "version": KEYS_VERSION,
            "code": code_digest(["dataprep.pairs.keys"], rooms=["dataprep.pairs", "dataprep.kernels"]),
        },
        "near": {
            "version": NEAR_VERSION,
            "code": code_digest(["dataprep.pairs.near_keys"], rooms=["dataprep.pairs", "dataprep.kernels"]),
        },
        "pairs": {
            "version": PAIRS_VERSION,
            "code": code_digest(["dataprep.pairing"], rooms=["dataprep.pairs", "dataprep.kernels"]),
        },
        "known": {
            "version": KNOWN_VERSION,
            "code": code_digest(["dataprep.known", "dataprep.sketched"], rooms=["dataprep.pairs", "dataprep.kernels"]),
        },
        "gather": {"version": GATHER_VERSION, "code": code_digest(["dataprep.gather"], rooms=[], sql=GATHERING)},
        "decide": {
            "version": DECIDE_VERSION,
            "code": code_digest(
                [
                    "dataprep.decide",
                    "dataprep.decided",
                    "dataprep.duplicates",
                    "dataprep.kinds",
                    "dataprep.pairs.choice",
                    "dataprep.store.version",
                    "dataprep.decisions.match",
                ],
                rooms=["dataprep.splits", "dataprep.rules", "dataprep.kernels.allocate", "dataprep.kernels.greedy"],
                sql=[path for path in STATEMENTS if path not in GATHERING],
            ),
        },
    }
    modules = {name: cleaner.__module__ for name, cleaner in CLEANERS.items()}
    for name, cleaner in CLEANERS.items():
        others = set(modules.values()) - {modules[name]}
        digest = code_digest([modules[name], *CLEANING], rooms=["dataprep.clean", "dataprep.kernels"], without=others)
        versions[f"clean.{name}"] = {"version": cleaner.version, "code": digest}
    for family in families():
        digest = code_digest([family.measure.__module__], rooms=["dataprep.signals", "dataprep.kernels"])
        versions[f"signals.{family.name}"] = {"version": family.version, "code": digest}
    return versions


@pytest.mark.skipif(sys.version_info[:2] != RECORDED_WITH, reason="digests were recorded with another Python")
def test_versions_follow_the_code() -> None:
    recorded = json.loads(VERSIONS.read_text(encoding="utf-8"))
    now = current_versions()
    changed = sorted(name for name in recorded.keys() | now.keys() if recorded.get(name) != now.get(name))
    assert not changed, (
        f"code of {changed} changed: raise its version number if results change, "
        "then record it with `python -m tests.test_step_versions`"
    )


def test_a_digest_covers_the_helpers_and_kernels_of_a_cleaner_but_no_other_cleaner() -> None:
    others = {"dataprep.clean.encoding", "dataprep.clean.end_of_text", "dataprep.clean.control_characters"}
    found = imported_modules(
        ["dataprep.clean.whitespace", *CLEANING], rooms=["dataprep.clean", "dataprep.kernels"], without=others
    )
    assert {"dataprep.clean.whitespace", "dataprep.clean.code_spans", "dataprep.clean.edits"} <= found
    assert {"dataprep.kernels.textflags", "dataprep.kernels.textcuts"} <= found
    assert not others & found


if __name__ == "__main__":
    VERSIONS.write_text(json.dumps(current_versions(), indent=2) + "\n", encoding="utf-8")
