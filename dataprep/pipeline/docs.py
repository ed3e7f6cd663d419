"""`docs/pipeline-file.md`, generated from the models: `python -m dataprep.pipeline.docs > docs/pipeline-file.md`.

A test compares the file with what this module gives, so the page cannot fall behind the program.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Final

from dataprep.pipeline import schema as schemas
from dataprep.pipeline.base import KeyPath

EXAMPLE: Final = """\
name: support
sources:
  - name: tickets
    path: data/*.jsonl
    shape: prompt_completion
    columns: {prompt: question, completion: reply}
    group: customer
  - name: intents
    path: intents.csv
    label: category

rules:
  too_short: off                       # switch a default rule off
  refusal_by_template:                 # a rule of your own
    when: "n_words < $threshold and label = 'refused'"
    threshold: 8
    value: n_words
    action: hold
    because: short refusals are template answers; somebody should look at them

dedup:
  fields: [input, answer]

splits:
  by: group
  train: 0.8
  validation: 0.1
  test: 0.1
"""
"""A pipeline file that validates; a test loads it."""

_INTRO: Final = f"""\
# The pipeline file

One YAML file describes how one dataset is prepared. `dataprep init DATA` writes one for data at hand, `dataprep plan`
checks it and shows what it would do, `dataprep run` does it, `dataprep schema` prints its JSON Schema for editors.

```yaml
{EXAMPLE}```

Two keys are needed, `name` and `sources`; of a source only `path`. Everything else has the default given below.

## How it is read

- Every key is checked, and all mistakes are told at once: `unknown key "dedupe" in pipeline.yaml line 14; did you mean
  "dedup"?`
- The bare words `yes`, `no`, `on`, `off`, `true`, `false` are truth values. Where text is meant they are quoted:
  `label: "no"`. Operators are quoted as well: `op: ">"`.
- Numbers are as in YAML 1.2 (`012` is twelve, `1e-3` is a number); dates and times such as `12:30` are text.
- A section whose lines are all commented out is left at its defaults.
- A key given twice, a second document in the file, tabs for indentation and nesting beyond reason are refused.
- Relative paths are taken from the folder of the pipeline file.
- The form that enters the manifest has all defaults filled in. Comments, formatting, the place of the file and the
  places of the data never change it.

## Overrides

`key=value` replaces one value for one run, checked like the file: `rules.too_short.threshold=20`, `splits.seed=7`,
`dedup.fields=[input]`. Sources are named by position from 0 or by name: `sources.0.label=intent`,
`sources.tickets.path=other.jsonl`. A part that holds a dot is quoted: `splits.sources."my.data"=train`.

## Rules

A rule compares a signal with a threshold (`signal`, `op`, `threshold`), or has a condition (`when`) of its own. Under
the name of a default rule, `off` switches that rule off, and a mapping without `signal` and `when` changes only the
keys it gives: `too_short: {{threshold: 10}}`. All other rules come after the default ones, in the order of the file.

## Without a pipeline file

`dataprep run FILE…` looks at the files and assumes what `dataprep init FILE…` would write down: files whose rows become
records in the same way are one source; where at least two files carry a word such as `train`, `dev`, `validation` or
`test` in their name, one of them `train`, they are sources of their own with that split. A source is named after its
split or by its place (`source1`), never after a file, because its name is part of its records' identity.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [_INTRO, "## All keys\n"]
    parts += [_section(path, schema) for path, schema in _mappings((), schemas.model_schema())]
    return "\n".join(parts)


def _mappings(path: KeyPath, schema: schemas.Schema) -> Iterator[tuple[KeyPath, schemas.Schema]]:
    """Every mapping with keys of its own, outer before inner, in the order of the models."""
    yield path, schema
    for key, field in schema["properties"].items():
        yield from _inner_mappings((*path, key), schemas.expand(field))


def _inner_mappings(path: KeyPath, field: schemas.Schema) -> Iterator[tuple[KeyPath, schemas.Schema]]:
    for option in schemas.variants(field):
        if "properties" in option:
            yield from _mappings(path, option)
        elif option.get("type") == "array":
            yield from _inner_mappings((*path, "[]"), schemas.expand(option["items"]))
        elif (values := schemas.other_keys(option)) is not None:
            yield from _inner_mappings((*path, "NAME"), values)


def _section(path: KeyPath, schema: schemas.Schema) -> str:
    lines = [f"### {_title(path)}\n", _one_line(schema.get("description", "")) + "\n"]
    lines += ["| key | type | default | what it is |", "|---|---|---|---|"]
    for key, field in schema["properties"].items():
        needed = key in schema.get("required", ())
        default = "**needed**" if needed else _default(schemas.expand(field))
        row = (f"`{key}`", _cell(schemas.in_words(field)), default, _cell(_one_line(field.get("description", ""))))
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def _title(path: KeyPath) -> str:
    shown = ".".join(map(str, path)).replace(".[]", "[]")
    return f"`{shown}`" if path else "The file"


def _default(field: schemas.Schema) -> str:
    default = field.get("default")
    if default is None:
        return "none"
    if isinstance(default, dict) and default:
        return "see below"
    return f"`{_cell(default if isinstance(default, str) else json.dumps(default, ensure_ascii=False))}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
