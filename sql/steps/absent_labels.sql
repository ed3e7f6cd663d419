-- Labels that have records, but none in $split; the commonest first.
select stratum, sum(size)::bigint as records
from groups
where
    stratum is not null
    and stratum not in (
        select stratum
        from groups
        join assigned using (group_id)
        where split = $split and stratum is not null
    )
group by stratum
order by records desc, stratum
