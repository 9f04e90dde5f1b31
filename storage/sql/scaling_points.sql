-- scaling_points: one row a training, as a scaling law is fitted to them.
-- Columns: training_id, name, params_total, params_non_embedding, train_tokens, unique_tokens, flops (6 N D),
-- epochs, learning_rate, batch_tokens, seed, train_loss, eval_loss (nats a token), eval_bits_per_byte.
SELECT
    training_id,
    name,
    params_total,
    params_non_embedding,
    train_tokens,
    unique_tokens,
    flops,
    train_tokens / nullif(unique_tokens, 0) AS epochs,
    learning_rate,
    batch_tokens,
    seed,
    train_loss,
    eval_loss,
    eval_bits_per_byte
FROM trainings
ORDER BY flops, training_id
