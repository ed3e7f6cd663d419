"""docs/etl.md agrees with the examples, the errors and the events of lineage."""

from __future__ import annotations

import re
from typing import Any

from dataprep import errors
from dataprep.flow import RunResult
from dataprep.lineage import lineage_events
from dataprep.store.layout import Store
from tests.docs.reading import ROOT, blocks, document, rows, section

TEXT = document("etl.md")
CODES = {int(code): advice for code, _, advice in rows(section(TEXT, "## Exit codes"))}


def test_every_exit_code_is_advised_on() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")]
    assert CODES.keys() == {0, *(kind.exit_code for kind in kinds)}
    assert [code for code, advice in CODES.items() if advice.startswith("retry")] == [3]


def test_systemd_tries_again_what_cron_does() -> None:
    (unit,) = blocks(TEXT, "ini")
    (prevented,) = re.findall(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)
    assert {int(code) for code in prevented.split()} == CODES.keys() - {0, 3}
    assert 'if [ "$code" -ne 3 ]' in (ROOT / "examples/etl/cron.sh").read_text(encoding="utf-8")


def test_every_facet_of_a_published_run_is_described(published: RunResult) -> None:
    described = set(re.findall(r"`([\w\[\].]+)`", section(TEXT, "## OpenLineage")))
    _, end = lineage_events(Store(published.path.parent.parent), published.run_id)
    assert set(facets(end)) <= described


def facets(value: Any) -> list[str]:
    """The names of all facets below a value."""
    if isinstance(value, list):
        return [name for item in value for name in facets(item)]
    if not isinstance(value, dict):
        return []
    own = [name for name, inner in value.items() if isinstance(inner, dict) and "_schemaURL" in inner]
    return own + [name for inner in value.values() for name in facets(inner)]
