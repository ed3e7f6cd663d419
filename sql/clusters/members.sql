-- Records of one cluster beside the one that each was compared with: the record that it went for, else the first of the
-- cluster. Those that went come first, the least similar before the others. The first of the cluster has no line of its
-- own, unless it went for another one. View `edges` (sql/clusters/edges.sql), views `records` and `ledger` of one version
-- or stopped run; $cluster, $kind: which; $each: members at most.
with members as (
    select distinct unnest([a_id, b_id]) as record_id
    from edges
    where cluster_id = $cluster and kind = $kind
), with_first as (
    select b_id as record_id, max(similarity) as similarity
    from edges
    where cluster_id = $cluster and kind = $kind and a_id = $cluster
    group by b_id
)
select
    $cluster as cluster_id,
    members.record_id,
    coalesce(ledger.partner_id, $cluster) as partner_id,
    coalesce(ledger.similarity, with_first.similarity) as similarity,
    ledger.threshold,
    ledger.detail,
    ledger.partner_id is not null as went
from members
join records using (record_id)
left join with_first using (record_id)
left join ledger on
    ledger.record_id = members.record_id
    and ledger.decisive
    and if($kind in ('exact', 'near'), ledger.similarity is not null, ledger.partner_id = $cluster)
where ledger.partner_id is not null or members.record_id <> $cluster
order by went desc, similarity nulls last, records.row
limit $each
