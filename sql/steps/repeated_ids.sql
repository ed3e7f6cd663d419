-- Rows whose user id another row carries too, in the stated order: source order, then digest, then occurrence.
select
    row,
    record_id,
    part_rows.path,
    part_rows.line,
    row_number() over (
        partition by record_id order by part_rows.source_index, part_rows.digest, ids.occurrence
    ) as place,
    left(sha256(hex(part_rows.digest) || ':' || ids.occurrence), 12) as suffix
from ids
join part_rows using (row)
where record_id in (select record_id from ids group by record_id having count(*) > 1)
order by record_id, place;
