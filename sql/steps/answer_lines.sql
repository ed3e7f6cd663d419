-- Records still in whose answer more of them give than may stay (`number`), with the place of their id among theirs
-- (`rank`). $most: records that may; $least_words: answers with fewer words do not count.
with answering as (
    select rows.row, rows.answer_key, rows.record_id
    from rows
    join signals using (row)
    anti join fate on fate.row = rows.row
    where rows.answer_key is not null and signals.answer_words >= $least_words
),

common as (
    select answer_key, min(row) as number from answering group by answer_key having count(*) > $most
)

select row, number, 0 as other, row_number() over (order by record_id) as rank
from answering
join common using (answer_key)
