-- Rejects by reason: attempts that were not accepted, with the tokens they took and one to look at.
SELECT verifier, outcome, reason, count(*) AS attempts,
  round(count(*) / (SELECT count(*) FROM judged), 4) AS share_of_attempts,
  sum(completion_tokens)::BIGINT AS tokens,
  min(attempt_id) AS example
FROM judged
WHERE outcome <> 'correct'
GROUP BY verifier, outcome, reason
ORDER BY attempts DESC, verifier, outcome, reason
