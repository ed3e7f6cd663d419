-- The version's table of records: lineage, fate and digests, no text; in the order of rows as far as
-- joins keep it, which sorting would cost half as much again to promise. Columns as in dataprep.store.tables.RECORDS.
select
    rows.row,
    outcome.record_id,
    rows.source,
    rows.path,
    rows.line,
    outcome.status,
    outcome.split,
    outcome.step,
    outcome.rule,
    outcome.partner_id,
    rows.label,
    outcome.group_id,
    rows.given_split,
    rows.time,
    lower(hex(rows.digest)) as digest,
    lower(hex(rows.content_digest)) as content_digest,
    rows.layout,
    rows.extras_json,
    rows.meta,
    rows.user_id,
    rows.group_key
from outcome
join rows using (row)
