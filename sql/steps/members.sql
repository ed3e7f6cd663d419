-- Records still in; splits by their number.
select
    core.row,
    core.node,
    core.group_node,
    case core.pin when 'train' then 0 when 'validation' then 1 when 'test' then 2 end as pin,
    core.given,
    core.in_parent,
    core.label,
    core.time
from core
anti join fate using (row)
