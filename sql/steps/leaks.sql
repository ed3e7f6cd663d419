-- Records on the train side that share a group with the given held-out side: same input, or same user-named group.
-- The held-out side stays whole, the train side gives way. $position: where these rules stand in the order.
insert into verdicts
with held_out as (
    select grouped.group_id, grouped.node, grouped.row, grouped.side, ids.record_id
    from grouped
    join ids using (row)
    where grouped.side < 2
),

partners as (
    select
        grouped.row,
        held_out.row as partner,
        held_out.side,
        held_out.node = grouped.node as same_input
    from grouped
    join held_out using (group_id)
    where grouped.side = 2
    qualify row_number() over (
        partition by grouped.row order by not same_input, held_out.side, held_out.record_id
    ) = 1
)

select
    row,
    'splits',
    if(side = 0, 'leaks_into_test', 'leaks_into_validation'),
    $position,
    'drop',
    null,
    null,
    partner,
    null,
    if(same_input, 'same input', 'same group')
from partners;
