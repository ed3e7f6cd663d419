-- Firings of rules that are in the ledger and were not found again, the other way round, or with another value.
-- `fired` (a table): record_id, rule, action, value, threshold, detail; `batch`: the records judged again.
with stored as (
    select record_id, rule, action, value, threshold, detail
    from ledger
    where
        step = 'rules'
        and record_id in (select record_id from batch)
        and rule in (select unnest($rules))
)

select
    record_id,
    rule,
    case when stored.action is not null then concat_ws(' ', stored.action, stored.value, stored.detail) end as stored,
    case when fired.action is not null then concat_ws(' ', fired.action, fired.value, fired.detail) end as recomputed
from stored
full join fired using (record_id, rule)
where
    stored.action is distinct from fired.action
    or stored.value is distinct from fired.value
    or stored.threshold is distinct from fired.threshold
    or stored.detail is distinct from fired.detail
order by record_id, rule
