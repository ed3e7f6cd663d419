-- For each rule that takes records on either side: how many before and after.
with taken as (
    select step_before as step, rule_before as rule, 1 as before, 0 as after
    from both_sides
    where rule_before is not null
    union all
    select step_after, rule_after, 0, 1
    from both_sides
    where rule_after is not null and after <> 'undetermined'
)

select step, rule, sum(before)::bigint as before, sum(after)::bigint as after, (sum(after) - sum(before))::bigint as change
from taken
group by step, rule
order by abs(change) desc, step, rule
