-- For records that the other version does not know at all: whether it read the same file, byte for byte, and what became
-- of the row there. `files` (registered): side, source, path, sha256; `sides` and `rejected`: records and rejects of
-- both versions with their side. `copies`: the other version has the same row under another number, that is, one copy
-- fewer.
create table places as
with absent as (
    select
        details.record_id,
        details.away,
        details.digest,
        files.sha256,
        if(home = 'a', line_a, line_b) as line
    from details
    join files
        on files.side = details.home
        and files.source = details.source
        and files.path = if(home = 'a', path_a, path_b)
    where not (in_a and in_b)
),

same_file as (
    select absent.*, files.source, files.path
    from absent
    join files on files.side = absent.away and files.sha256 = absent.sha256
),

rows_there as (
    select same_file.record_id, same_file.away, bool_or(sides.digest = same_file.digest) as copies
    from same_file
    join sides
        on sides.side = same_file.away
        and sides.source = same_file.source
        and sides.path = same_file.path
        and sides.line = same_file.line
    group by all
),

rejects_there as (
    select same_file.record_id, same_file.away, min(rejected.reason) as reason
    from same_file
    join rejected
        on rejected.side = same_file.away
        and rejected.source = same_file.source
        and rejected.path = same_file.path
        and rejected.line = same_file.line
    group by all
)

select distinct
    same_file.record_id,
    same_file.away,
    coalesce(copies, false) as copies,
    reason
from same_file
left join rows_there using (record_id, away)
left join rejects_there using (record_id, away);
