-- All records, in any order: what copies, groups and splits are computed from. Numbers are as narrow as they can be, since
-- these columns are held in memory whole; -1 stands for none, splits go by number.
select
    row::integer as row,
    node::integer as node,
    coalesce(group_node, -1)::integer as group_node,
    source_index,
    case given_split when 'train' then 0 when 'validation' then 1 when 'test' then 2 else -1 end::tinyint as given_split
from rows
