-- Records whose split or text differs between two versions. `a`, `b`: the versions' tables of records, as views.
-- Equal ids prove that two records are one: ids are the user's own, or digests of the row as it was read.
create table differences as
select
    record_id,
    a.split as split_a,
    b.split as split_b,
    case
        when a.split is null then 'added'
        when b.split is null then 'removed'
        when a.content_digest <> b.content_digest then 'changed'
        else 'moved'
    end as kind
from a
full join b using (record_id)
where
    a.split is distinct from b.split
    or (a.split is not null and a.content_digest <> b.content_digest);
