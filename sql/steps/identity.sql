-- The logical content of a version as text lines in a fixed order: records, then verdicts. What an edit did is covered
-- by the two digests of its record.
select line || chr(10) as line
from (
    select
        concat_ws(
            chr(31), 'record', outcome.record_id, hex(rows.digest), hex(rows.content_digest), outcome.status, outcome.split
        ) as line
    from outcome
    join rows using (row)
    union all
    select
        concat_ws(
            chr(31), 'verdict', record_id, step, rule, action, decisive,
            coalesce(value::varchar, '-'), coalesce(threshold::varchar, '-'), coalesce(partner_id, '-'),
            coalesce(similarity::varchar, '-'), coalesce(detail, '-')
        )
    from ledger
)
order by line
