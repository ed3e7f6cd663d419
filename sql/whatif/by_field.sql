-- For each value of {field} whose kept records change in number: how many are kept before and after, those that change
-- most first. $limit: values at most.
with moved as (
    select
        {field} as value,
        sum(
            (after in ('train', 'validation', 'test'))::integer - (before in ('train', 'validation', 'test'))::integer
        )::bigint as change
    from changes
    group by value
    having change <> 0
    order by abs(change) desc, value nulls first
    limit $limit
),

kept as (
    select rows.{field} as value, count(*) as records
    from rows
    join both_sides using (row)
    where
        both_sides.before in ('train', 'validation', 'test')
        and (rows.{field} in (select value from moved) or rows.{field} is null)
    group by rows.{field}
)

select moved.value, coalesce(kept.records, 0) as kept_before, kept_before + moved.change as kept_after, moved.change
from moved
left join kept on kept.value is not distinct from moved.value
order by abs(moved.change) desc, moved.value nulls first
