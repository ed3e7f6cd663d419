-- Removed or added ($kind) records that may be an edited one: those that the other version does not know, and whose text
-- has not been found there. `nominated`: another such record stands at the same place of a file of the same name, or has
-- the same input (its group is known by that).
with unknown as (
    select *, if(kind = 'added', path_b, path_a) as path, if(kind = 'added', line_b, line_a) as line
    from causes
    where
        not known
        and (
            (kind = 'removed' and record_id not in (select a from same_text))
            or (kind = 'added' and record_id not in (select b from same_text))
        )
),

others as (
    select source, path, line, group_id from unknown where kind in ('added', 'removed') and kind <> $kind
)

select
    record_id,
    (source, path, line) in (select (source, path, line) from others)
    or coalesce(group_id in (select group_id from others), false) as nominated
from unknown
where kind = $kind
order by nominated desc, record_id;
