-- Tables of the catalog: what manifests, references and run records say. Filled by dataprep.store.catalog.

CREATE TABLE catalog_info (store VARCHAR, format INTEGER);
COMMENT ON TABLE catalog_info IS 'the store this catalog was built for; its views hold absolute paths';
COMMENT ON COLUMN catalog_info.store IS 'folder of the store when the catalog was built';
COMMENT ON COLUMN catalog_info.format IS 'layout version of the store';

CREATE TABLE versions (
    dataset VARCHAR, version INTEGER, version_id VARCHAR, run VARCHAR,
    is_latest BOOLEAN, is_candidate BOOLEAN, created_at TIMESTAMP, published_at TIMESTAMP, parent VARCHAR,
    shape VARCHAR, n_rows BIGINT, n_records BIGINT, n_rejects BIGINT, n_kept BIGINT, n_dropped BIGINT, n_held BIGINT,
    path VARCHAR, manifest VARCHAR
);
COMMENT ON TABLE versions IS 'one row per published number of a dataset, and per version without a number';
COMMENT ON COLUMN versions.dataset IS 'name of the dataset';
COMMENT ON COLUMN versions.version IS 'number of the version, null if it was not published';
COMMENT ON COLUMN versions.version_id IS 'content-addressed id of the version, 64 hex characters';
COMMENT ON COLUMN versions.run IS 'run that made or published it';
COMMENT ON COLUMN versions.is_latest IS 'whether it is the highest number of its dataset';
COMMENT ON COLUMN versions.is_candidate IS 'whether it is the candidate of its dataset';
COMMENT ON COLUMN versions.created_at IS 'when it was written, UTC';
COMMENT ON COLUMN versions.published_at IS 'when it got its number, UTC; null if it was not published';
COMMENT ON COLUMN versions.parent IS 'id of the version it was made after, where there is one';
COMMENT ON COLUMN versions.shape IS 'messages, prompt_completion or text: the columns of data/';
COMMENT ON COLUMN versions.n_rows IS 'rows in the source files = records + rejects';
COMMENT ON COLUMN versions.n_records IS 'records = kept + dropped + held';
COMMENT ON COLUMN versions.n_rejects IS 'rows that could not become records';
COMMENT ON COLUMN versions.n_kept IS 'records in a split';
COMMENT ON COLUMN versions.n_dropped IS 'records dropped';
COMMENT ON COLUMN versions.n_held IS 'records held for a person';
COMMENT ON COLUMN versions.path IS 'folder of the version';
COMMENT ON COLUMN versions.manifest IS 'the whole manifest as JSON: sources, resolved pipeline, packages, files';

CREATE TABLE runs (
    dataset VARCHAR, version INTEGER, version_id VARCHAR, run VARCHAR,
    status VARCHAR, started_at TIMESTAMP, finished_at TIMESTAMP, exit_code INTEGER, message VARCHAR,
    seconds DOUBLE, step_seconds VARCHAR, counts VARCHAR
);
COMMENT ON TABLE runs IS 'one row per run, stopped and failed ones included';
COMMENT ON COLUMN runs.dataset IS 'name of the dataset';
COMMENT ON COLUMN runs.version IS 'number that the run published or found unchanged, else null';
COMMENT ON COLUMN runs.version_id IS 'version that the run published or found unchanged, else null';
COMMENT ON COLUMN runs.run IS 'id of the run';
COMMENT ON COLUMN runs.status IS 'running, published, unchanged, stopped, failed, interrupted or killed';
COMMENT ON COLUMN runs.started_at IS 'start, UTC';
COMMENT ON COLUMN runs.finished_at IS 'end, UTC; null while it runs, or if it was killed';
COMMENT ON COLUMN runs.exit_code IS 'exit code of the process';
COMMENT ON COLUMN runs.message IS 'how it ended, in words';
COMMENT ON COLUMN runs.seconds IS 'duration in seconds, summed over the steps';
COMMENT ON COLUMN runs.step_seconds IS 'JSON: seconds of each step';
COMMENT ON COLUMN runs.counts IS 'JSON: the counts of the run';

CREATE TABLE training_runs (
    dataset VARCHAR, version INTEGER, version_id VARCHAR, run VARCHAR,
    name VARCHAR, state VARCHAR, started_at TIMESTAMP, ended_at TIMESTAMP, model VARCHAR, method VARCHAR,
    data_digest VARCHAR, learning_rate DOUBLE, seed BIGINT, steps BIGINT, best_step BIGINT,
    best_validation_loss DOUBLE, base_validation_loss DOUBLE, alert VARCHAR, stopped_because VARCHAR, path VARCHAR,
    record VARCHAR
);
COMMENT ON TABLE training_runs IS 'one row per training run in this store, stopped and failed ones included';
COMMENT ON COLUMN training_runs.dataset IS 'name of the dataset it trained on; null for a plain folder';
COMMENT ON COLUMN training_runs.version IS 'number of the version it trained on, as it was named then';
COMMENT ON COLUMN training_runs.version_id IS 'content-addressed id of the version it trained on; null for a plain folder';
COMMENT ON COLUMN training_runs.run IS 'id of the training run';
COMMENT ON COLUMN training_runs.name IS 'name of its recipe';
COMMENT ON COLUMN training_runs.state IS 'running, finished, stopped, interrupted, failed or killed';
COMMENT ON COLUMN training_runs.started_at IS 'start, UTC';
COMMENT ON COLUMN training_runs.ended_at IS 'end, UTC; null while it runs, or if it was killed';
COMMENT ON COLUMN training_runs.model IS 'the model before training, as the recipe names it';
COMMENT ON COLUMN training_runs.method IS 'full or lora';
COMMENT ON COLUMN training_runs.data_digest IS 'digest of the prepared examples';
COMMENT ON COLUMN training_runs.learning_rate IS 'highest learning rate, as the recipe says';
COMMENT ON COLUMN training_runs.seed IS 'seed of the recipe';
COMMENT ON COLUMN training_runs.steps IS 'optimiser steps that were made';
COMMENT ON COLUMN training_runs.best_step IS 'step with the lowest validation loss, from 1 on; best/ has its weights';
COMMENT ON COLUMN training_runs.best_validation_loss IS 'validation loss of that step, nats a token';
COMMENT ON COLUMN training_runs.base_validation_loss IS 'validation loss before the first step, nats a token; where the best is not below it, nothing was gained';
COMMENT ON COLUMN training_runs.alert IS 'first alert that speaks against its weights: not_a_number, diverged or stuck; null if there was none';
COMMENT ON COLUMN training_runs.stopped_because IS 'why it ended, in words';
COMMENT ON COLUMN training_runs.path IS 'folder of the training run';
COMMENT ON COLUMN training_runs.record IS 'run.json as JSON: recipe, data, model, code, packages, hardware, results';

CREATE TABLE splits (
    dataset VARCHAR, version INTEGER, version_id VARCHAR, run VARCHAR, split VARCHAR, n_records BIGINT, share DOUBLE
);
COMMENT ON TABLE splits IS 'one row per version and split';
COMMENT ON COLUMN splits.dataset IS 'name of the dataset';
COMMENT ON COLUMN splits.version IS 'number of the version, null if it was not published';
COMMENT ON COLUMN splits.version_id IS 'content-addressed id of the version, 64 hex characters';
COMMENT ON COLUMN splits.run IS 'run that made or published the version';
COMMENT ON COLUMN splits.split IS 'train, validation or test';
COMMENT ON COLUMN splits.n_records IS 'records in the split';
COMMENT ON COLUMN splits.share IS 'share of the kept records, 0..1';
