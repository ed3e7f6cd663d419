-- What is gone of some slices: which rules took it, from which sources, and a few of the records (the first by id).
-- Braces and $rules: as in budget_slices; $slices: the slices asked for; $examples: records to name of each.
with gone as (
    select {slice}::varchar[] as slice, record_id, source, rule
    from {records}
    where status <> 'kept' and ($rules is null or list_contains($rules::varchar[], rule))
),

asked as (
    select * from gone where slice in (select unnest($slices::varchar[][]))
)

select slice, 'rule' as kind, rule as name, count(*) as records
from asked
group by slice, rule
union all
select slice, 'source', source, count(*)
from asked
group by slice, source
union all
select slice, 'record', record_id, 1
from (select slice, record_id from asked qualify row_number() over (partition by slice order by record_id) <= $examples)
order by slice, kind, records desc, name;
