-- The largest clusters of duplicates. View `edges` (sql/clusters/edges.sql); $kind: only of this kind, null for exact and
-- near ones; $n: at most.
select cluster_id, kind, count(distinct record_id) as n_records, min(similarity) as min_similarity
from (
    select cluster_id, kind, similarity, unnest([a_id, b_id]) as record_id
    from edges
    where if($kind is null, kind in ('exact', 'near'), kind = $kind)
)
group by cluster_id, kind
order by n_records desc, cluster_id
limit $n
