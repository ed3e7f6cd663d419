-- Held records with what held them, rule by rule in the order of the flow. Views `records` and `ledger` of one version or
-- stopped run; $rule: only what this rule holds, null for all; $each: records of each rule at most, null for all.
select
    records.record_id,
    records.step,
    records.rule,
    count(*) over (partition by records.step, records.rule) as held_by_rule,
    ledger.value,
    ledger.threshold,
    ledger.detail,
    records.label,
    records.source,
    records.path,
    records.line,
    records.digest,
    records.text
from records
left join ledger on
    ledger.record_id = records.record_id
    and ledger.decisive
    and ledger.step = records.step
    and ledger.rule = records.rule
where records.status = 'held' and ($rule is null or records.rule = $rule)
qualify $each is null or row_number() over (partition by records.step, records.rule order by records.row) <= $each
order by records.step, records.rule, records.row;
