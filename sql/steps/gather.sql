-- Gather the narrow columns of all parts, with run-local row numbers, record ids and, in place of keys, numbers.
-- The lists of the parts' files are put in place of their names, in order; `parts` (registered) has one line a part:
-- row_file, key_file, source_index, source, path, base_row.
-- Identity: the user's id where there is one, else the digest of the record; identical records of one source are
-- numbered, and which of them gets which number does not matter because they are identical.
create table part_rows as
select
    parts.base_row + part.file_row_number as row,
    parts.source_index,
    parts.source,
    parts.path,
    part.* exclude (filename, file_row_number)
from read_parquet($row_files, filename = true, file_row_number = true) as part
join parts on parts.row_file = part.filename;

-- Records with equal input sides share a node. Records without any input text fall back to the whole record, then to
-- themselves.
create table part_keys as
select
    parts.base_row + part.file_row_number as row,
    part.record_key,
    coalesce(part.input_key, part.record_key) as input_key,
    part.answer_key,
    part.label_key,
    coalesce(part.tools_key, ''::blob) as tools_key
from read_parquet($key_files, filename = true, file_row_number = true) as part
join parts on parts.key_file = part.filename;

create table nodes as
select input_key, min(row) as node
from part_keys
where input_key is not null
group by input_key
having count(*) > 1;

create table ids as
with repeated as (
    select row, row_number() over (partition by digest order by row) as occurrence
    from part_rows
    where digest in (select digest from part_rows group by digest having count(*) > 1)
)
select
    part_rows.row,
    case
        when part_rows.user_id is not null then part_rows.user_id
        when coalesce(repeated.occurrence, 1) = 1 then lower(hex(part_rows.digest))
        else left(sha256(hex(part_rows.digest) || ':' || repeated.occurrence), 32)
    end as record_id,
    coalesce(repeated.occurrence, 1) as occurrence,
    false as id_was_taken
from part_rows
left join repeated using (row);
