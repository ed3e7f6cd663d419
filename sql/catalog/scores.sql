-- How models trained on versions did. Typed and empty until a model has been evaluated.

CREATE VIEW scores AS
SELECT
    NULL::VARCHAR AS dataset, NULL::INTEGER AS version, NULL::VARCHAR AS version_id, NULL::VARCHAR AS run,
    NULL::VARCHAR AS model, NULL::VARCHAR AS split, NULL::VARCHAR AS metric, NULL::VARCHAR AS slice,
    NULL::BIGINT AS n_records, NULL::DOUBLE AS value, NULL::DOUBLE AS low, NULL::DOUBLE AS high
WHERE false;
COMMENT ON VIEW scores IS 'one row per model, split, metric and slice';
COMMENT ON COLUMN scores.dataset IS 'name of the dataset';
COMMENT ON COLUMN scores.version IS 'number of the version the model was trained on';
COMMENT ON COLUMN scores.version_id IS 'content-addressed id of the version the model was trained on';
COMMENT ON COLUMN scores.run IS 'training run';
COMMENT ON COLUMN scores.model IS 'the model before training';
COMMENT ON COLUMN scores.split IS 'split that was scored';
COMMENT ON COLUMN scores.metric IS 'name of the metric';
COMMENT ON COLUMN scores.slice IS 'part of the split, null for all of it';
COMMENT ON COLUMN scores.n_records IS 'records that were scored';
COMMENT ON COLUMN scores.value IS 'the score';
COMMENT ON COLUMN scores.low IS 'lower end of its confidence interval';
COMMENT ON COLUMN scores.high IS 'upper end of its confidence interval';
