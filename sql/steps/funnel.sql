-- From rows read to splits, line by line. `rule_order` (registered): position, step, rule, action of every rule that
-- could fire; `rejected` (registered): reason, rejects. $rows: rows read.
with lines as (
    select 0 as section, 0 as position, 'ingest' as step, 'rows' as rule, 'read' as action, $rows as records, $rows as fired
    union all
    select 1, 0, 'ingest', reason, 'reject', rejects, rejects from rejected
    union all
    select
        2,
        rule_order.position,
        rule_order.step,
        rule_order.rule,
        rule_order.action,
        (select count(*) from fate where fate.step = rule_order.step and fate.rule = rule_order.rule),
        (select count(*) from verdicts where verdicts.step = rule_order.step and verdicts.rule = rule_order.rule)
    from rule_order
    union all
    select
        3,
        case split when 'train' then 0 when 'validation' then 1 else 2 end,
        'result',
        split,
        'keep',
        count(*),
        count(*)
    from outcome
    where status = 'kept'
    group by split
)

select
    (row_number() over (order by section, position, step, rule) - 1)::integer as position,
    step,
    rule,
    action,
    records::bigint as records,
    fired::bigint as fired,
    if(
        section = 3,
        null,
        $rows - sum(if(section in (1, 2), records, 0)) over (order by section, position, step, rule)
    )::bigint as remaining
from lines
where section in (0, 3) or fired > 0 or records > 0
order by section, position, step, rule;
