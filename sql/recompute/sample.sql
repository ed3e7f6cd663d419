-- Records with text, drawn by a hash of seed and id: the same seed draws the same ones, a larger share draws these and
-- more. `texts`: ids of `data`, `held` and `removed`. $share: 0..1, at least one record is drawn.
select record_id, count(*) over () as population
from texts
qualify
    row_number() over (order by md5_number_lower($seed || ':' || record_id), record_id)
    <= greatest(1, ceil($share * count(*) over ()))
order by record_id
