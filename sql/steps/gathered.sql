-- One line a record, in the order of rows as far as joins keep it: what the tables of `gather` found, with keys as
-- numbers. `copy_set` is equal for records that are copies of each other and null for the others, `node` equal for
-- records that ask the same, `group_node` for records with the same user-named group; each is the first row that has the
-- key. `id_rank` orders the members of copy sets by id. `conflict_set` is equal for records that ask the same with the
-- same tools at hand where not all say the same, `outcome` for those of them that do; both null for the others.
with copy_sets as (
    select record_key, min(row) as copy_set
    from part_keys
    where record_key is not null
    group by record_key
    having count(*) > 1
),

said as (
    select row, input_key, tools_key, coalesce(answer_key, ''::blob) || coalesce(label_key, ''::blob) as outcome_key
    from part_keys
    semi join nodes using (input_key)
    where answer_key is not null or label_key is not null
),

conflict_sets as (
    select input_key, tools_key, min(row) as conflict_set
    from said
    group by input_key, tools_key
    having min(outcome_key) <> max(outcome_key)
),

conflicts as (
    select row, conflict_set, min(row) over (partition by conflict_set, outcome_key) as outcome
    from said
    join conflict_sets using (input_key, tools_key)
),

group_nodes as (
    select group_key, min(row) as group_node
    from part_rows
    where group_key is not null
    group by group_key
),

copies as (
    select part_keys.row, copy_set, row_number() over (order by ids.record_id) as id_rank
    from part_keys
    join copy_sets using (record_key)
    join ids using (row)
)

select
    part_rows.*,
    ids.record_id,
    ids.id_was_taken,
    copies.copy_set,
    copies.id_rank,
    coalesce(nodes.node, part_rows.row) as node,
    conflicts.conflict_set,
    conflicts.outcome,
    part_keys.answer_key,
    group_nodes.group_node,
    coalesce(part_keys.input_key, part_rows.digest) as input_key
from part_rows
join ids using (row)
join part_keys using (row)
left join copies using (row)
left join conflicts using (row)
left join nodes on nodes.input_key = part_keys.input_key
left join group_nodes on group_nodes.group_key = part_rows.group_key
