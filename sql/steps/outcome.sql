-- The fate of every record, and the ledger's lines in terms of record ids.
create table outcome as
select
    rows.row,
    ids.record_id,
    coalesce(fate.status, 'kept') as status,
    if(fate.status is null, coalesce(pins.pin, assigned.split), null) as split,
    fate.step,
    fate.rule,
    partner.record_id as partner_id,
    grouped.group_id
from rows
join ids using (row)
join pins using (row)
left join fate using (row)
left join ids as partner on partner.row = fate.partner
left join grouped using (row)
left join assigned on assigned.group_id = grouped.group_id;

create view ledger as
select
    ids.record_id,
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
join ids using (row)
left join fate using (row)
left join ids as partner on partner.row = verdicts.partner
union all
select
    ids.record_id,
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
join ids using (row)
where edits.error is null;
