-- The clusters of one record: of duplicates at most one, of each other kind those that it is in. View `edges`
-- (sql/clusters/edges.sql); $kind: only of this kind, null for all.
with own as (
    select distinct cluster_id, kind
    from edges
    where $record_id in (a_id, b_id) and ($kind is null or kind = $kind)
)
select cluster_id, kind, count(distinct record_id) as n_records, min(similarity) as min_similarity
from (select cluster_id, kind, similarity, unnest([a_id, b_id]) as record_id from edges join own using (cluster_id, kind))
group by cluster_id, kind
order by kind not in ('exact', 'near'), kind, cluster_id
