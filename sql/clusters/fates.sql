-- What became of the records of one cluster. View `edges` (sql/clusters/edges.sql) and view `records` of one version or
-- stopped run; $cluster, $kind: which.
select coalesce(split, status) as fate, count(*) as n_records
from (select distinct unnest([a_id, b_id]) as record_id from edges where cluster_id = $cluster and kind = $kind)
join records using (record_id)
group by all
order by all
