-- The longest traces of the corpus.
-- limit: 20
SELECT id, domain, source, completion_tokens, finish_reason, pass_rate
FROM corpus
ORDER BY completion_tokens DESC, id
LIMIT $limit
