-- The fate of every record. `placed` (registered): row, split, group_id of the records still in.
create table outcome as
select
    core.row,
    coalesce(fate.status, 'kept') as status,
    placed.split,
    fate.step,
    fate.rule,
    fate.partner,
    placed.group_id
from core
left join fate using (row)
left join placed using (row);
