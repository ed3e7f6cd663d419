-- Records that went because they are nearly the same as one that stays, the least similar first; of those that went for
-- one record only the least similar, and how many others did. One that is known from an earlier version has no partner
-- here. Views `ledger`, `records` and `pairs` of one version or stopped run; $n: at most.
with removed as (
    select
        ledger.record_id,
        ledger.partner_id,
        ledger.similarity,
        ledger.threshold,
        ledger.detail,
        records.row,
        count(*) over same - 1 as others
    from ledger
    join records using (record_id)
    where ledger.decisive and ledger.action in ('drop', 'hold') and ledger.similarity < 1
    window same as (partition by coalesce(ledger.partner_id, ledger.detail))
    qualify row_number() over (
        partition by coalesce(ledger.partner_id, ledger.detail) order by ledger.similarity, records.row
    ) = 1
    order by ledger.similarity, records.row
    limit $n
), named as (
    select record_id, min(cluster_id) as cluster_id
    from (select unnest([a_id, b_id]) as record_id, cluster_id from pairs where cluster_id is not null)
    where record_id in (select record_id from removed)
    group by record_id
)
select removed.*, named.cluster_id
from removed
left join named using (record_id)
order by removed.similarity, removed.row
