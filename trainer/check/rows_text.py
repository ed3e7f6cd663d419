"""The report on rows for a person: a table that adds up, and real examples with what is trained on in ⟦brackets⟧."""

from __future__ import annotations

from typing import Final

from dataprep.console import counted, one_line, table, wrap
from trainer.check.rows import RowsReport, Sample
from trainer.data.pack import Packing

_BEFORE, _BEGIN, _END = 300, 450, 100
"""Characters shown of what comes before an answer (its end), and of an answer (its beginning and its end)."""
_BRACKETS: Final = str.maketrans({"⟦": "\\u27e6", "⟧": "\\u27e7"})
"""Brackets in the data are escaped: only ours mark anything."""
_WORSE, _BETTER = 0.95, 1.05
"""Times less to compute, between which packing makes no difference."""


def render(report: RowsReport, width: int) -> list[str]:
    """The report as lines of at most `width` columns, except for tables."""
    lines = [_headline(report), ""]
    rows = [
        (each.split, each.outcome, each.records, each.examples, each.tokens, each.trained_tokens, each.meaning)
        for each in report.outcomes
    ]
    columns = ("split", "outcome", "records", "examples", "tokens", "trained", "meaning")
    lines += [*table(columns, rows), ""]
    if report.mixture is not None:
        weighed = [(name, of["examples"], of["weight"], of["seen"]) for name, of in report.mixture.items()]
        lines += [*table(("group", "examples", "weight", "seen in an epoch"), weighed), ""]
    seen, sizes, packing = report.seen, report.lengths, report.packing
    share = seen["trained_tokens"] / seen["tokens"] if seen["tokens"] else 0.0
    lines += wrap(
        f"an epoch: {counted(seen['examples'], 'example')}, {seen['tokens']:,} tokens, of which "
        f"{seen['trained_tokens']:,} ({share:.0%}) are trained on",
        width,
    )
    lines += wrap(
        f"length: half have at most {sizes['median']:,} tokens, 95 % at most {sizes['95 %']:,}, the longest has "
        f"{sizes['longest']:,}; {sizes['allowed']:,} are allowed",
        width,
    )
    lines += wrap(_packing(packing, packs=report.packs), width)
    lines += _overlap(report, width)
    for note in report.notes:
        lines += wrap(f"note: {one_line(note)}", width)
    for sample in report.samples:
        lines += ["", *_sample(sample, width)]
    if report.excesses:
        lines.append("")
    for excess in report.excesses:
        lines += wrap(f"past a limit: {one_line(excess.words)}", width)
    return lines


def _headline(report: RowsReport) -> str:
    data, examples = report.data, sum(report.examples.values())
    name = data.get("folder") or f"{data['dataset']}@{data['version'] or data['version_id'][:12]}"
    records = sum(report.records.values())
    return one_line(f"{name}: {counted(records, 'record')}, {counted(examples, 'example')}")


def _packing(packing: Packing, *, packs: bool) -> str:
    """What packing changes, and what to set where the recipe has it the other way."""
    said = (
        f"padding: {packing.padding:.0%} of a batch without packing, {packing.packed_padding:.0%} with: "
        f"{counted(packing.examples, 'example')} in {counted(packing.sequences, 'sequence')}"
    )
    if packing.gain < _WORSE:
        more = f"{said}, {1 / packing.gain:.1f} times more to compute with packing"
        return f"{more}: --set data.packing=false is faster" if packs else more
    if packing.gain < _BETTER:
        return f"{said}, as much to compute"
    less = f"{said}, {packing.gain:.1f} times less to compute"
    return less if packs else f"{less} with --set data.packing=true"


def _overlap(report: RowsReport, width: int) -> list[str]:
    """A sentence for each held-out split, then the rows; all splits that were compared are named."""
    lines: list[str] = []
    before = ["train"]
    for split in report.compared:
        found, earlier = report.overlap.get(split, 0), " or ".join(before)
        asked = f"{counted(found, 'example')} of {split} {_ask(found)}" if found else f"no example of {split} asks"
        lines += wrap(one_line(f"overlap: {asked} what {earlier} asks"), width)
        before.append(split)
    lines += [one_line(f"  {each['place']} asks what {each['other_place']} asks") for each in report.overlap_listed]
    more = sum(report.overlap.values()) - sum(each["examples"] for each in report.overlap_listed)
    if more:
        lines.append(f"  … and {counted(more, 'example')} more")
    if report.overlap_listed and report.data["kind"] == "version":
        lines.append("  look one up: dataprep why RECORD")
    return lines


def _ask(count: int) -> str:
    return "asks" if count == 1 else "ask"


def _sample(sample: Sample, width: int) -> list[str]:
    about = f"record {one_line(sample.record_id)}, answer {sample.answer + 1}, {counted(sample.tokens, 'token')}:"
    shown = ""
    for piece in sample.pieces:
        text = one_line(piece.text).translate(_BRACKETS)
        if piece.trained:
            shown += f"⟦{text if len(text) <= _BEGIN + _END else f'{text[:_BEGIN]} … {text[-_END:]}'}⟧"
        else:
            shown += text if len(text) <= _BEFORE else f"…{text[-_BEFORE:]}"
    return [about, *wrap(shown, width, "  ")]
