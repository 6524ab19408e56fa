-- References that every attempt contradicts, most of them with one and the same answer. Reads what was answered there.
-- limit: 20
SELECT prompt_id, source, source_row, left(reference, 200) AS reference, attempts, agreeing, answer
FROM suspects
WHERE verdict_set = (SELECT verdict_set FROM run)
ORDER BY agreeing DESC, prompt_id
LIMIT $limit
