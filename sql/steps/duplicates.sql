-- Exact duplicates by key. Pairs are found among all cleaned records, whatever rules said, as star edges from the
-- first in the stated order; which copies go is then decided among those still in.
create table members as
select
    keys.record_key as cluster_key,
    keys.row,
    pins.side,
    row_number() over (
        partition by keys.record_key order by pins.side, pins.preference, rows.source_index, ids.record_id
    ) as place
from keys
join pins using (row)
join rows using (row)
join ids using (row)
where keys.record_key in (
    select record_key from keys where record_key is not null group by record_key having count(*) > 1
);

create table pairs as
select representative.row as a, copy.row as b, 'exact' as kind, 1.0::double as similarity
from members as copy
join members as representative using (cluster_key)
where representative.place = 1 and copy.place > 1;
