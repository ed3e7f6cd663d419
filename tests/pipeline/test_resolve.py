"""The resolved pipeline: everything said, nothing that does not decide the result."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.pipeline.load import load
from dataprep.pipeline.models import Pipeline
from dataprep.pipeline.resolve import effective_rules, resolve
from dataprep.rules.defaults import DEFAULT_RULES

NAMES = list(DEFAULT_RULES)


def resolved(file: Path, text: str, *overrides: str) -> bytes:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return orjson.dumps(resolve(load(file, overrides)))


def test_comments_formatting_and_places_do_not_change_it(tmp_path: Path) -> None:
    one = "# why\nname: x\nsources:\n- path: data/a.jsonl\n  columns: {prompt: p, completion: c}\nsplits: {seed: 1}\n"
    other = (
        'splits:\n  seed: 1\n\nstore: /elsewhere\nname: "x"\n'
        "sources: [{path: ['../b*.jsonl'], name: source1, columns: {completion: c, prompt: p}}]\nclean:\n"
    )
    assert resolved(tmp_path / "a.yaml", one) == resolved(tmp_path / "deeper/p.yaml", other)


def test_an_override_equals_the_same_value_in_the_file(tmp_path: Path) -> None:
    text = "name: x\nsources: [{path: a}]\n"
    assert resolved(tmp_path / "a.yaml", text, "splits.seed=4") == resolved(
        tmp_path / "b.yaml", text + "splits: {seed: 4}"
    )


def test_a_value_that_decides_changes_it(tmp_path: Path) -> None:
    text = "name: x\nsources: [{path: a}]\n"
    assert resolved(tmp_path / "a.yaml", text) != resolved(tmp_path / "b.yaml", text, "splits.seed=4")


def test_the_order_of_rules_survives_sorted_keys(tmp_path: Path) -> None:
    rules = ["a: {when: n_words < 1}", "b: {when: n_words > 9}"]
    head = "name: x\nsources: [{path: a}]\nrules:\n"
    both = [head + "".join(f"  {rule}\n" for rule in order) for order in (rules, rules[::-1])]
    forms = [orjson.loads(resolved(tmp_path / "a.yaml", text)) for text in both]
    assert orjson.dumps(forms[0], option=orjson.OPT_SORT_KEYS) != orjson.dumps(forms[1], option=orjson.OPT_SORT_KEYS)


def made(**keys: object) -> Pipeline:
    return Pipeline.model_validate({"name": "x", "sources": [{"path": "a"}], **keys})


OWN = {"when": "n_words < 3"}


@given(
    st.dictionaries(st.sampled_from(NAMES), st.just(None) | st.just(OWN)),
    st.dictionaries(st.sampled_from(["own_a", "own_b", "own_c"]), st.just(OWN)),
)
def test_default_rules_keep_their_places_and_own_rules_follow(
    changed: dict[str, object], own: dict[str, object]
) -> None:
    rules = effective_rules(made(rules={**own, **changed}))
    assert list(rules) == [name for name in NAMES if changed.get(name, OWN) is not None] + list(own)
    assert all(rules[name] == DEFAULT_RULES[name] for name in rules if name not in changed and name not in own)


def test_without_default_rules_only_own_ones_apply() -> None:
    assert list(effective_rules(made(default_rules=False, rules={"own": OWN, NAMES[0]: OWN}))) == ["own", NAMES[0]]


def test_switching_off_what_is_not_there_is_a_mistake() -> None:
    with pytest.raises(InputError) as caught:
        effective_rules(made(rules={NAMES[0] + "x": None}))
    assert caught.value.hint == f'did you mean "{NAMES[0]}"?'
