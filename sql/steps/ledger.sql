-- The ledger's lines in terms of record ids.
create view ledger as
select
    rows.record_id,
    verdicts.step,
    verdicts.rule,
    verdicts.action,
    coalesce(fate.step = verdicts.step and fate.rule = verdicts.rule and verdicts.action in ('drop', 'hold'), false)
        as decisive,
    verdicts.value,
    verdicts.threshold,
    partner.record_id as partner_id,
    verdicts.similarity,
    verdicts.detail,
    null::struct(turn integer, "start" integer, "end" integer, original varchar, replacement varchar)[] as edits,
    verdicts.row,
    verdicts.position,
    0 as sequence
from verdicts
join rows using (row)
left join fate using (row)
left join rows as partner on partner.row = verdicts.partner
union all
select
    rows.record_id,
    'clean',
    edits.cleaner,
    'edit',
    false,
    len(edits.edits),
    null,
    null,
    null,
    null,
    edits.edits,
    edits.row,
    -3,
    edits.sequence
from edits
join rows using (row)
where edits.error is null;
