-- Cost per accepted trace by source: attempts, tokens; GPU-hours and dollars where the recipe has GPUs and a price.
WITH made AS (
  SELECT prompt_id, count(*) AS attempts, sum(completion_tokens) AS tokens, sum(wall_s) AS wall_s
  FROM completions
  GROUP BY prompt_id
), accepted AS (
  SELECT prompt_id, count(*) AS traces FROM judged WHERE outcome = 'correct' GROUP BY prompt_id
), counted AS (
  SELECT coalesce(p.domain, 'all') AS domain, coalesce(p.source, 'all') AS source,
    sum(attempts)::BIGINT AS attempts, sum(tokens)::BIGINT AS tokens,
    sum(least(coalesce(traces, 0), keep))::BIGINT AS accepted,
    -- A completion has one of its replica's slots for as long as it takes; slots that stood empty are nobody's.
    sum(wall_s) * any_value(gpus_per_replica) / any_value(slots) / 3600 AS gpu_hours,
    any_value(usd_per_gpu_hour) AS price
  FROM made JOIN prompts p USING (prompt_id) LEFT JOIN accepted USING (prompt_id), run
  GROUP BY GROUPING SETS ((p.domain, p.source), ())
)
SELECT domain, source, accepted, attempts, tokens,
  round(attempts / nullif(accepted, 0), 3) AS attempts_per_trace,
  round(tokens / nullif(accepted, 0), 1) AS tokens_per_trace,
  round(nullif(gpu_hours, 0), 3) AS gpu_hours,
  nullif(gpu_hours, 0) / nullif(accepted, 0) AS gpu_hours_per_trace,
  round(nullif(gpu_hours, 0) * price, 2) AS usd,
  nullif(gpu_hours, 0) * price / nullif(accepted, 0) AS usd_per_trace
FROM counted
ORDER BY domain = 'all', domain, source
