-- Pass rate by source: prompts solved, attempts by outcome, and the share of decided attempts that were right.
WITH of_prompt AS (
  SELECT prompt_id, count(*) AS attempts,
    count(*) FILTER (outcome = 'correct') AS correct,
    count(*) FILTER (outcome = 'incorrect') AS incorrect
  FROM judged
  GROUP BY prompt_id
)
SELECT domain, source, count(*) AS prompts,
  count(*) FILTER (correct > 0) AS solved,
  sum(attempts)::BIGINT AS attempts,
  sum(correct)::BIGINT AS correct,
  sum(incorrect)::BIGINT AS incorrect,
  sum(attempts - correct - incorrect)::BIGINT AS undecided,
  round(sum(correct) / nullif(sum(correct + incorrect), 0), 4) AS pass_rate
FROM of_prompt JOIN prompts USING (prompt_id)
GROUP BY domain, source
ORDER BY domain, source
