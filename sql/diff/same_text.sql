-- Pairs of a removed and an added record that the respective other version does not know, with the same text: a row
-- whose source, columns beside the text or reading changed. Several alike are paired in order of their ids.
create table same_text as
with unknown as (
    select kind, record_id, content_digest, row_number() over (partition by kind, content_digest order by record_id) as place
    from causes
    where not known and kind in ('added', 'removed')
)

select removed.record_id as a, added.record_id as b, 1.0::double as similarity
from (select * from unknown where kind = 'removed') as removed
join (select * from unknown where kind = 'added') as added using (content_digest, place);
