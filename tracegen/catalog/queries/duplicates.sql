-- Duplicates in the corpus: a prompt under two ids; equal responses; responses with the same first 1,000 characters.
-- limit: 20
WITH hashed AS MATERIALIZED (
  SELECT id, prompt_id,
    hash(regexp_replace(lower(trim(prompt)), '\s+', ' ', 'g')) AS prompt,
    hash(response) AS response,
    hash(left(response, 1000)) AS beginning
  FROM corpus
), found AS (
  SELECT 'prompt' AS same, count(*) AS traces, count(DISTINCT prompt_id) AS prompts, min(id) AS one, max(id) AS another
  FROM hashed GROUP BY prompt HAVING count(DISTINCT prompt_id) > 1
  UNION ALL
  SELECT 'response', count(*), count(DISTINCT prompt_id), min(id), max(id)
  FROM hashed GROUP BY response HAVING count(*) > 1
  UNION ALL
  SELECT 'beginning', count(*), count(DISTINCT prompt_id), min(id), max(id)
  FROM hashed GROUP BY beginning HAVING count(DISTINCT response) > 1
)
SELECT same, count(*) OVER (PARTITION BY same) AS groups_like_it, traces, prompts, one, another
FROM found
QUALIFY row_number() OVER (PARTITION BY same ORDER BY traces DESC, one) <= $limit
ORDER BY same, traces DESC, one
