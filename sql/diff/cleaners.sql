-- Which cleaners changed a record otherwise in the two versions, though the row was the same. Places are left out of the
-- comparison: an edit moves where a cleaner before it changed more.
create table cleaners as
with made as (
    select
        side,
        record_id,
        rule,
        list_transform(edits, lambda e: struct_pack(t := e.turn, o := e.original, r := e.replacement)) as edits
    from verdicts
    where
        action = 'edit'
        and record_id in (select record_id from details where text_differs and not row_differs)
)

select record_id, string_agg(rule, ', ' order by rule) as names
from (select * from made where side = 'a') as one
full join (select * from made where side = 'b') as other using (record_id, rule)
where one.edits is distinct from other.edits
group by record_id;
