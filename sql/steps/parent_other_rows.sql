-- The records that the parent version keeps, in terms of this run: row -1 where it has no such record, node and
-- group_node -1 where it has none with this input or group. $records: the parent's files of records.
with kept as (
    select record_id, unhex(input_key) as input_key, group_key, split
    from read_parquet($records)
    where split is not null
),

inputs as (
    select input_key, min(node) as node
    from rows
    where input_key in (select input_key from kept)
    group by input_key
),

named_groups as (
    select group_key, min(group_node) as group_node
    from rows
    where group_key in (select group_key from kept)
    group by group_key
)

select
    coalesce(rows.row, -1)::integer as row,
    coalesce(inputs.node, -1)::integer as node,
    coalesce(named_groups.group_node, -1)::integer as group_node,
    case kept.split when 'train' then 0 when 'validation' then 1 when 'test' then 2 end::tinyint as split
from kept
left join rows using (record_id)
left join inputs on inputs.input_key = kept.input_key
left join named_groups on named_groups.group_key = kept.group_key
