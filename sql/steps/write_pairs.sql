-- The version's pairs. Columns as in dataprep.store.tables.PAIRS.
select
    a.record_id as a_id,
    b.record_id as b_id,
    pairs.kind,
    pairs.similarity,
    named.record_id as cluster_id
from pairs
join rows as a on a.row = pairs.a
join rows as b on b.row = pairs.b
left join rows as named on named.row = pairs.cluster
order by pairs.a, pairs.b, pairs.kind
