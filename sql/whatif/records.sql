-- What budgets are measured on: as the version's table of records, with only what they need.
select
    rows.record_id,
    rows.source,
    rows.label,
    rows.group_key,
    rows.given_split,
    rows.time,
    rows.layout,
    rows.meta,
    outcome.status,
    outcome.split,
    outcome.step,
    outcome.rule
from outcome
join rows using (row)
