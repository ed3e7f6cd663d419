-- How much there is to look at. View `edges` (sql/clusters/edges.sql) and view `ledger` of one version or stopped run;
-- $kind: clusters of this kind only, null for exact and near ones.
select
    count(distinct cluster_id) as clusters,
    count(distinct record_id) as records,
    (
        select count(*)
        from ledger
        where decisive and action in ('drop', 'hold') and similarity < 1
    ) as removed
from (
    select cluster_id, unnest([a_id, b_id]) as record_id
    from edges
    where if($kind is null, kind in ('exact', 'near'), kind = $kind)
)
