-- The records that the parent version keeps, where it was made from the very same gathered table: by row number.
-- $records: the parent's files of records.
select row::integer as row, case split when 'train' then 0 when 'validation' then 1 when 'test' then 2 end::tinyint as split
from read_parquet($records)
where split is not null
