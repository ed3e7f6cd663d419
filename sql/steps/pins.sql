-- The split that a record was given from outside, under the mode of this run, and its place in the order that decides
-- which of several copies stays: held-out side first (test, validation), then preferred sources, sources, record id.
-- $mode: given, group, time or source; `source_order` (registered): source_index, preference, split.
create table pins as
select
    rows.row,
    case $mode when 'given' then rows.given_split when 'source' then source_order.split end as pin,
    case pin when 'test' then 0 when 'validation' then 1 else 2 end as side,
    source_order.preference
from rows
join source_order using (source_index);
