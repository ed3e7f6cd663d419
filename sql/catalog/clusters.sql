-- Clusters of duplicates, summed up from their pairs.

CREATE VIEW clusters AS
SELECT
    dataset, version, version_id, run, cluster_id,
    min(kind) AS kind,
    min(a_id) AS representative_id,
    count(*) + 1 AS n_records,
    min(similarity) AS min_similarity
FROM pairs
GROUP BY dataset, version, version_id, run, cluster_id;
COMMENT ON VIEW clusters IS 'one row per cluster of duplicates';
COMMENT ON COLUMN clusters.dataset IS 'name of the dataset';
COMMENT ON COLUMN clusters.version IS 'number of the version, null if it was not published';
COMMENT ON COLUMN clusters.version_id IS 'content-addressed id of the version; null for a stopped run';
COMMENT ON COLUMN clusters.run IS 'run that made or published it';
COMMENT ON COLUMN clusters.cluster_id IS 'the cluster';
COMMENT ON COLUMN clusters.kind IS 'how its members were found to be duplicates';
COMMENT ON COLUMN clusters.representative_id IS 'the record that the others are copies of';
COMMENT ON COLUMN clusters.n_records IS 'members, the representative included';
COMMENT ON COLUMN clusters.min_similarity IS 'lowest exact Jaccard similarity with the representative, 0..1';
