-- The version's table of records: lineage, fate and digests, no text; in the order of rows as far as
-- joins keep it, which sorting would cost half as much again to promise. Columns as in dataprep.store.tables.RECORDS.
select
    rows.row,
    rows.record_id,
    rows.source,
    rows.path,
    rows.line,
    outcome.status,
    outcome.split,
    outcome.step,
    outcome.rule,
    partner.record_id as partner_id,
    rows.label,
    if(outcome.group_id is null, null, lower(hex(coalesce(named.input_key, rows.input_key)))) as group_id,
    rows.given_split,
    rows.time,
    lower(hex(rows.digest)) as digest,
    lower(hex(rows.content_digest)) as content_digest,
    lower(hex(rows.input_key)) as input_key,
    rows.layout,
    rows.extras_json,
    rows.meta,
    rows.user_id,
    rows.group_key
from outcome
join rows using (row)
left join rows as named on named.row = outcome.group_id and outcome.group_id <> rows.node
left join rows as partner on partner.row = outcome.partner
