-- Why each leaking record has to go: the held-out record that it shares an input with, else one of its group; test
-- before validation. `affected` (registered): row, node, group_id, side (0 test, 1 validation, 2 train) and `leaks` of
-- all records in groups where some leak. $position: where these rules stand in the order.
insert into verdicts
with partners as (
    select
        leak.row,
        held_out.row as partner,
        held_out.side,
        held_out.node = leak.node as same_input
    from affected as leak
    join affected as held_out using (group_id)
    join rows on rows.row = held_out.row
    where leak.leaks and held_out.side < 2
    qualify row_number() over (
        partition by leak.row order by not same_input, held_out.side, rows.record_id
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
