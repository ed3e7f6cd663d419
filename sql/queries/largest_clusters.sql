-- title: The largest clusters of duplicates
-- question: Which texts occur most often?
SELECT
    clusters.dataset,
    clusters.version,
    clusters.n_records,
    clusters.kind,
    clusters.min_similarity,
    clusters.representative_id,
    records.split,
    left(records.text, 200) AS text
FROM clusters
JOIN records
    ON clusters.representative_id = records.record_id
    AND clusters.run = records.run
    AND clusters.version IS NOT DISTINCT FROM records.version
ORDER BY clusters.n_records DESC, clusters.dataset, clusters.version, clusters.cluster_id
LIMIT 50;
