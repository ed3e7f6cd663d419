-- The logical content of a version as text lines in a fixed order, record by record with its verdicts; a line begins
-- with the id because lines that begin alike sort slowly. A record's line covers its text before and after cleaning by
-- digests, and its edits by a sum over cleaners and counts: a sum, because sorting a line for every edit costs as much
-- as all the rest.
with edited as (
    select row, sum(md5_number_lower(cleaner || ':' || len(edits))) as edit_sum
    from edits
    where error is null
    group by row
)

select line || chr(10) as line
from (
    select
        concat_ws(
            chr(31), rows.record_id, 'record', hex(rows.digest), hex(rows.content_digest), outcome.status,
            coalesce(outcome.split, '-'), coalesce(edited.edit_sum::varchar, '-')
        ) as line
    from outcome
    join rows using (row)
    left join edited using (row)
    union all
    select
        concat_ws(
            chr(31), record_id, 'verdict', step, rule, action, decisive,
            coalesce(value::varchar, '-'), coalesce(threshold::varchar, '-'), coalesce(partner_id, '-'),
            coalesce(similarity::varchar, '-'), coalesce(detail, '-')
        )
    from ledger
    where action <> 'edit'
)
order by line
