-- Why each leaking record has to go: the held-out record that it shares an input with, else one of its group; test
-- before validation, then by id. `affected` (registered): row, node, group_id, side (0 test, 1 validation, 2 train) and
-- `leaks` of all records in groups where some leak. The first held-out record of each input and group is found before
-- joining: every leak beside every held-out record of a large group would be their product. $position: where these
-- rules stand in the order.
insert into verdicts
with held_out as (
    select
        affected.row,
        affected.side,
        affected.node,
        affected.group_id,
        row_number() over (partition by affected.group_id, affected.node order by side, rows.record_id) as in_node,
        row_number() over (partition by affected.group_id order by side, rows.record_id) as in_group
    from affected
    join rows using (row)
    where affected.side < 2
)

select
    leak.row,
    'splits',
    if(coalesce(same_input.side, same_group.side) = 0, 'leaks_into_test', 'leaks_into_validation'),
    $position,
    'drop',
    null,
    null,
    coalesce(same_input.row, same_group.row),
    null,
    if(same_input.row is null, 'same group', 'same input')
from affected as leak
join held_out as same_group on same_group.group_id = leak.group_id and same_group.in_group = 1
left join held_out as same_input
    on same_input.group_id = leak.group_id and same_input.node = leak.node and same_input.in_node = 1
where leak.leaks;
