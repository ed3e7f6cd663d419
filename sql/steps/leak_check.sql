-- How many records in train equal a held-out record, as a whole or on the input side. Must be none: an exact join of
-- the held-out side against train, independent of how groups were made.
with placed as (
    select outcome.split, keys.record_key, keys.input_key
    from outcome
    join keys using (row)
    where outcome.status = 'kept'
)

select count(*)
from placed
where
    split = 'train'
    and (
        record_key in (select record_key from placed where split <> 'train' and record_key is not null)
        or input_key in (select input_key from placed where split <> 'train' and input_key is not null)
    );
