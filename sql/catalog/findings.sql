-- What audits found about versions. Typed and empty until an audit has run.

CREATE VIEW findings AS
SELECT
    NULL::VARCHAR AS dataset, NULL::INTEGER AS version, NULL::VARCHAR AS version_id, NULL::VARCHAR AS run,
    NULL::VARCHAR AS audit, NULL::VARCHAR AS finding, NULL::VARCHAR AS severity, NULL::VARCHAR AS subject,
    NULL::DOUBLE AS value, NULL::DOUBLE AS threshold, NULL::VARCHAR AS verdict, NULL::VARCHAR AS detail
WHERE false;
COMMENT ON VIEW findings IS 'one row per finding of an audit';
COMMENT ON COLUMN findings.dataset IS 'name of the dataset';
COMMENT ON COLUMN findings.version IS 'number of the version, null if it was not published';
COMMENT ON COLUMN findings.version_id IS 'content-addressed id of the version';
COMMENT ON COLUMN findings.run IS 'run that made or published the version';
COMMENT ON COLUMN findings.audit IS 'the audit that asked';
COMMENT ON COLUMN findings.finding IS 'stable name of what it found';
COMMENT ON COLUMN findings.severity IS 'info, warning or error';
COMMENT ON COLUMN findings.subject IS 'the slice, column or record concerned';
COMMENT ON COLUMN findings.value IS 'what was measured';
COMMENT ON COLUMN findings.threshold IS 'what it was compared with';
COMMENT ON COLUMN findings.verdict IS 'pass, warn or fail';
COMMENT ON COLUMN findings.detail IS 'the finding in words';
