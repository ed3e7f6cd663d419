-- How many records each slice has, and how many of them are gone (dropped or held). Braces are filled by
-- dataprep.budgets.check: the files of the run's table of records, and the list of a slice's values from checked
-- columns. $rules: count only what these took, null for all; $min_rows: smaller slices are left out.
with counted as (
    select
        {slice}::varchar[] as slice,
        status <> 'kept' and ($rules is null or list_contains($rules::varchar[], rule)) as gone
    from {records}
)

select slice, count(*) as records, count(*) filter (where gone) as gone
from counted
group by slice
having count(*) >= $min_rows
order by slice;
