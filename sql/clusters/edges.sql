-- Which records stand side by side: pairs of clusters, and of sets of the kinds that make no clusters (prefix, conflict,
-- answer), which are named by the record that the ledger compares the others with. Views `pairs` and `ledger` of one
-- version or stopped run.
create temp view edges as
select cluster_id, max(kind) over (partition by cluster_id) as kind, a_id, b_id, similarity
from pairs
where cluster_id is not null
union all
select coalesce(judged.partner_id, pairs.a_id), pairs.kind, pairs.a_id, pairs.b_id, pairs.similarity
from pairs
left join (
    select distinct record_id, partner_id
    from ledger
    where step = 'dedup' and similarity is null and partner_id is not null
) as judged on
    judged.record_id = pairs.a_id
    and judged.partner_id = pairs.b_id
where pairs.cluster_id is null and pairs.kind not in ('exact', 'near')
