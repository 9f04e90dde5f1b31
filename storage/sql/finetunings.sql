-- finetunings: one row a fine-tuning: what was learned from how many examples, from which start, how well, at what cost.
-- Columns: evaluation_id, name (of the training it began with), data, task, kind (of model), mode (full, frozen, lora),
-- start (pretrained, or scratch: random weights of the same shape), examples (those that chose the best moment among
-- them), seed, metric, value, low, high (95 % over the measured examples), measured_examples, params_trained,
-- params_total, learning_rate, steps, best_step, tokens_seen, flops, seconds; of the pre-training, null where the lake
-- did not do it: pretrain_tokens, pretrain_flops, pretrain_seconds; finished_at.
SELECT
    evaluation_id,
    name,
    part AS data,
    details ->> '$.task' AS task,
    details ->> '$.kind' AS kind,
    details ->> '$.mode' AS mode,
    details ->> '$.start' AS start,
    CAST(details ->> '$.examples' AS BIGINT) AS examples,
    CAST(details ->> '$.seed' AS BIGINT) AS seed,
    metric,
    value,
    low,
    high,
    CAST(details ->> '$.measured_examples' AS BIGINT) AS measured_examples,
    CAST(details ->> '$.params_trained' AS BIGINT) AS params_trained,
    CAST(details ->> '$.params_total' AS BIGINT) AS params_total,
    CAST(details ->> '$.learning_rate' AS DOUBLE) AS learning_rate,
    CAST(details ->> '$.steps' AS BIGINT) AS steps,
    CAST(details ->> '$.best_step' AS BIGINT) AS best_step,
    CAST(details ->> '$.tokens_seen' AS BIGINT) AS tokens_seen,
    CAST(details ->> '$.flops' AS DOUBLE) AS flops,
    CAST(details ->> '$.seconds' AS DOUBLE) AS seconds,
    CAST(details ->> '$.pretrain_tokens' AS BIGINT) AS pretrain_tokens,
    CAST(details ->> '$.pretrain_flops' AS DOUBLE) AS pretrain_flops,
    CAST(details ->> '$.pretrain_seconds' AS DOUBLE) AS pretrain_seconds,
    finished_at
FROM evaluations
WHERE kind = 'finetune'
ORDER BY data, name, mode, start, examples, seed, evaluation_id
