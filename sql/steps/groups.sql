-- Groups to divide, with their size, stratum (the label most of them carry; ties go to the first in order), latest
-- time, pin, and place: within a stratum by a hash that knows only the seed and the group.
create table groups as
with labels as (
    select group_id, label, count(*) as records
    from grouped
    where $stratify and label is not null
    group by group_id, label
    qualify row_number() over (partition by group_id order by records desc, label) = 1
),

sizes as (
    select
        group_id,
        count(*) as size,
        max(time) as time,
        count(*) filter (where time is null) as without_time,
        min(pin) filter (where pin is not null) as pin
    from grouped
    group by group_id
)

select
    sizes.*,
    labels.label as stratum,
    sha256($seed || ':' || group_id) as place
from sizes
left join labels using (group_id);
