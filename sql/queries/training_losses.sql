-- title: Validation loss by data version
-- question: Which versions of the data were trained on, and how low did the validation loss get?
SELECT
    t.dataset,
    t.version,
    v.n_kept,
    t.run,
    t.state,
    t.model,
    t.learning_rate,
    t.best_step,
    t.best_validation_loss,
    t.base_validation_loss,
    t.alert
FROM training_runs AS t
LEFT JOIN (
    SELECT version_id, any_value(n_kept) AS n_kept FROM versions GROUP BY version_id
) AS v USING (version_id)
ORDER BY t.dataset NULLS LAST, t.best_validation_loss NULLS LAST, t.run;
