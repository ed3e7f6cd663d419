-- Gather the narrow columns of all parts into one table with run-local row numbers and record ids.
-- The lists of the parts' files are put in place of their names, in order; `parts` (registered) has one line a part:
-- row_file, key_file, edit_file, source_index, source, path, base_row.
-- Identity: the user's id where there is one, else the digest of the record; identical records of one source are
-- numbered, and which of them gets which number does not matter because they are identical.
create table rows as
select
    parts.base_row + part.file_row_number as row,
    parts.source_index,
    parts.source,
    parts.path,
    part.* exclude (filename, file_row_number)
from read_parquet($row_files, filename = true, file_row_number = true) as part
join parts on parts.row_file = part.filename;

create table keys as
select parts.base_row + part.file_row_number as row, part.record_key, part.input_key
from read_parquet($key_files, filename = true, file_row_number = true) as part
join parts on parts.key_file = part.filename;

create view edits as
select parts.base_row + part.row_in_part as row, part.cleaner, part.edits, part.error, part.file_row_number as sequence
from read_parquet($edit_files, filename = true, file_row_number = true) as part
join parts on parts.edit_file = part.filename;

create table ids as
with repeated as (
    select row, row_number() over (partition by digest order by row) as occurrence
    from rows
    where digest in (select digest from rows group by digest having count(*) > 1)
)
select
    rows.row,
    case
        when rows.user_id is not null then rows.user_id
        when coalesce(repeated.occurrence, 1) = 1 then lower(hex(rows.digest))
        else left(sha256(hex(rows.digest) || ':' || repeated.occurrence), 32)
    end as record_id,
    coalesce(repeated.occurrence, 1) as occurrence
from rows
left join repeated using (row);

-- Every firing of every rule and step; `position` is the order in which decisive verdicts are looked for.
create table verdicts (
    row bigint,
    step varchar,
    rule varchar,
    position integer,
    action varchar,
    value double,
    threshold double,
    partner bigint,
    similarity double,
    detail varchar
);

-- What has become of each record so far: status null means still in.
create table fate (row bigint, status varchar, step varchar, rule varchar, partner bigint);
