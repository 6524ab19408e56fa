"""Whether a plan comes true: `tracegen plan`, with and without a pilot, against the wall time of the run itself.

The run is a real one in every part but its teacher, which takes its time by its options: so fast that the run takes two
to three minutes, in which a trace takes seconds. The plan never sees the run's luck: it simulates others. What is
compared is the whole wall time, from the command to the built corpus.
"""

import tempfile
from pathlib import Path

from benchmarks.scheduling.output import Row, parser, show
from tracegen.catalog import query
from tracegen.order import Order
from tracegen.planning.estimate import Estimate
from tracegen.planning.plan import Asked, plan
from tracegen.recipe_file import Loaded, load_recipe
from tracegen.run import run

RECIPE = """
name: prediction
prompts:
  - {{kind: reasoning_gym, name: sums, dataset: chain_sum, size: {math}, domain: math}}
  - {{kind: reasoning_gym, name: letters, dataset: letter_counting, size: {logic}, domain: logic}}
teacher:
  engine: simulated
  model: simulated
  prefill: "<think>\\n"
  sampling: {{max_tokens: 32768}}
  engines:
    simulated:
      lengths: {{median: 4425, sigma: 0.8, max: 32768}}
      lengths_by_domain: {{logic: {{median: 1989, sigma: 0.8, max: 32768}}}}
      pass_rate: {{alpha: 0.274, beta: 0.326}}
      chars_per_token: 0.2
rejection: {{keep: 1, max_attempts: 4}}
prompts_per_shard: 64
where:
  cluster: local
  replicas: 2
  slots: 32
  engines: {{simulated: {{tokens_per_s: 2500, half_rate_at: 64}}}}
"""
"""Published means of math and logic, cut as published; short texts, so that the teacher costs this machine little."""

SPAN = "SELECT min(started_at_s), max(started_at_s + wall_s), count(*), sum(completion_tokens) FROM completions"


def measured(loaded: Loaded, store: str) -> dict[str, float]:
    """One run, and where its wall time went."""
    ended = run(Order(loaded, store), lambda _: None)
    ((first_s, last_s, attempts, tokens),) = query(store, ended.run_id, SPAN).rows
    generating_s = float(str(last_s)) - float(str(first_s))
    return {
        "wall_s": ended.wall_s,
        "generating_s": generating_s,
        "around_s": ended.wall_s - generating_s,
        "attempts": float(str(attempts)),
        "tokens": float(str(tokens)),
    }


def row(name: str, planned: Estimate, real: dict[str, float]) -> Row:
    return {
        "plan": name,
        "planned s": planned.wall_s.middle,
        "least s": planned.wall_s.low,
        "most s": planned.wall_s.high,
        "wall s": real["wall_s"],
        "planned/wall": planned.wall_s.middle / real["wall_s"],
        "planned around s": planned.start_s + planned.around_s,
        "around s": real["around_s"],
        "planned attempts": planned.attempts.middle,
        "attempts": real["attempts"],
        "planned tokens": planned.tokens.middle,
        "tokens": real["tokens"],
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--prompts", type=int, default=1000)
    arguments.add_argument("--pilot", type=int, default=64)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "prediction.yaml")
        path.write_text(RECIPE.format(math=given.prompts * 3 // 4, logic=given.prompts // 4), encoding="utf-8")
        loaded, store = load_recipe(str(path)), str(Path(folder, "runs"))
        plans = {
            "from the options": plan(Asked(loaded), lambda _: None),
            f"from a pilot of {given.pilot} prompts": plan(
                Asked(loaded, pilot=given.pilot, store_uri=store), lambda _: None
            ),
        }
        real = measured(loaded, store)
    rows = [row(name, planned, real) for name, planned in plans.items()]
    notes = [
        f"{given.prompts:,} prompts, 2 replicas of 32 slots, cluster local.",
        "'around': before the first request and after the last completion.",
    ]
    show("benchmarks.scheduling.prediction", rows, notes, given.json)


if __name__ == "__main__":
    main()
