-- Records still in; splits by their number. Row numbers in 32 bits: these columns are held in memory whole.
-- $labels, $times: whether these are wanted.
select
    core.row::integer as row,
    core.node::integer as node,
    core.group_node::integer as group_node,
    case core.pin when 'train' then 0 when 'validation' then 1 when 'test' then 2 end::tinyint as pin,
    core.given,
    core.in_parent,
    if($labels, core.label, null) as label,
    if($times, core.time, null) as time
from core
anti join fate using (row)
