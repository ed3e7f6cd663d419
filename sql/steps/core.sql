-- One line a record, in numbers and short fields: the split that it has from outside under the mode of this run, and its
-- place in the order that decides which of several copies stays: held-out side first (test, validation), then records of
-- the parent version, preferred sources, sources, record id. A pin is `given` where the data or the pipeline file says
-- so, not the parent version or a person.
-- $mode: given, group, time, source or auto; `source_order` (registered): source_index, preference, split.
create table core as
select
    rows.row,
    rows.source_index,
    rows.copy_set,
    rows.id_rank,
    rows.node,
    rows.group_node,
    rows.label,
    rows.time,
    coalesce(
        released.split,
        case $mode
            when 'given' then rows.given_split
            when 'source' then source_order.split
            when 'group' then inherited.split
            when 'auto' then coalesce(rows.given_split, inherited.split)
        end
    ) as pin,
    released.split is null and case $mode
        when 'given' then rows.given_split is not null
        when 'auto' then rows.given_split is not null
        when 'source' then source_order.split is not null
        else false
    end as given,
    case pin when 'test' then 0 when 'validation' then 1 else 2 end as side,
    coalesce(inherited.in_parent, false) as in_parent,
    source_order.preference
from rows
join source_order using (source_index)
left join inherited using (row)
left join (select row, split from manual where decision = 'release') as released using (row);
