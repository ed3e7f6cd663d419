-- Clusters of duplicates, summed up from their pairs at or above the threshold.

CREATE VIEW clusters AS
SELECT
    dataset, version, version_id, run, cluster_id,
    max(kind) AS kind,
    cluster_id AS representative_id,
    count(DISTINCT record_id) AS n_records,
    min(similarity) AS min_similarity
FROM (
    SELECT dataset, version, version_id, run, cluster_id, kind, similarity, unnest([a_id, b_id]) AS record_id
    FROM pairs
    WHERE cluster_id IS NOT NULL
)
GROUP BY dataset, version, version_id, run, cluster_id;
COMMENT ON VIEW clusters IS 'one row per cluster of duplicates';
COMMENT ON COLUMN clusters.dataset IS 'name of the dataset';
COMMENT ON COLUMN clusters.version IS 'number of the version, null if it was not published';
COMMENT ON COLUMN clusters.version_id IS 'content-addressed id of the version; null for a stopped run';
COMMENT ON COLUMN clusters.run IS 'run that made or published it';
COMMENT ON COLUMN clusters.cluster_id IS 'the cluster';
COMMENT ON COLUMN clusters.kind IS 'exact where all its pairs are, else near';
COMMENT ON COLUMN clusters.representative_id IS 'its first record in the order that decides which stays';
COMMENT ON COLUMN clusters.n_records IS 'members';
COMMENT ON COLUMN clusters.min_similarity IS 'lowest exact Jaccard similarity of a pair in it, 0..1';
