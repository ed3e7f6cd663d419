-- Pairs of one record below the threshold: what it is nearly a duplicate of, the most similar first. View `pairs` of one
-- version or stopped run; $n: at most.
select if(a_id = $record_id, b_id, a_id) as partner_id, similarity
from pairs
where cluster_id is null and similarity is not null and $record_id in (a_id, b_id)
order by similarity desc, partner_id
limit $n
