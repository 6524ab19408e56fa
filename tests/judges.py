"""Judges to test with: one that really reads, and others that do not. Each is a function from a prompt to a reply."""

import asyncio
import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tracegen.recipe import Judge, JudgePlace
from tracegen.types import EngineIdentity, FinishReason, Generation, Request
from tracegen.verify.judge import JudgeSpec, exam
from tracegen.verify.judge.brief import Brief

Mind = Callable[[str], str]

RIGHT = [
    Brief("r0", "How many legs has a spider?", "8", "eight"),
    Brief("r1", "What is 30 + 12?", "42", "forty-two"),
    Brief("r2", "Which planet is nearest to the sun?", "Mercury", "the planet Mercury"),
    Brief("r3", "Is 7 odd?", "yes", "Yes, it is"),
]
WRONG = [
    Brief("w0", "How many legs has a spider?", "8", "nine"),
    Brief("w1", "How many legs has a spider?", "8", "six legs, like an ant"),
    Brief("w2", "What is 30 + 12?", "42", "forty-three"),
    Brief("w3", "What is 30 + 12?", "42", "fourteen"),
    Brief("w4", "Which planet is nearest to the sun?", "Mercury", "the planet Venus"),
    Brief("w5", "Which planet is nearest to the sun?", "Mercury", "the moon"),
    Brief("w6", "Is 7 odd?", "yes", "No, it is even"),
    Brief("w7", "Which shape has four equal sides?", "rhombus", "a triangle"),
    Brief("w8", "Which shape has four equal sides?", "rhombus", "a circle of radius 2"),
    Brief("w9", "What is the limit of 1/n?", "0", "it diverges"),
    Brief("w10", "What is the limit of 1/n?", "0", "infinity"),
    Brief("w11", "Name a noble gas.", "argon", "oxygen"),
    Brief("w12", "Solve x + 1 = 3.", "2", "three"),
    Brief("w13", "When was the treaty signed?", "1648", "sixteen hundred"),
    Brief("w14", "Where is Lima?", "Peru", "Chile"),
    Brief("w15", "Who wrote Faust?", "Goethe", "Schiller"),
    Brief("w16", "What is the order of the group?", "12", "twenty-four"),
    Brief("w17", "Is the function increasing?", "increasing", "decreasing"),
    Brief("w18", "How do coloured lights mix?", exam.WRONG[-1].standard, "They do not mix at all.", by_rubric=True),
    Brief("w19", "How do coloured lights mix?", exam.WRONG[-1].standard, "Stir with a spoon.", by_rubric=True),
]

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
_NUMBERS = {word: number for number, word in enumerate([*_ONES.split(), "eighteen", "nineteen"])}
_TENS = dict(
    zip(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], range(20, 100, 10), strict=True)
)
_IDLE = frozenset(["a", "an", "the", "of", "with", "or", "and", "it", "is", "city", "bases", "x", "only"])


def sections(prompt: str) -> dict[str, str]:
    """What stands between the fences, by heading."""
    found = re.findall(r"^## ([^\n]+)\n(---\w+---)\n(.*?)\n\2$", prompt, re.DOTALL | re.MULTILINE)
    return {heading: text for heading, _, text in found}


def said(correct: bool, analysis: str = "compared") -> str:
    return json.dumps({"analysis": analysis, "correctness": "correct" if correct else "incorrect"})


def honest(prompt: str) -> str:
    """Compares numbers, in words or in digits, and the other words that matter."""
    parts = sections(prompt)
    answer = words(parts["Answer to be assessed"])
    if "Rubric" in parts:
        wanted = {word for word in words(parts["Rubric"]) if len(word) > 4}
        return said(len(wanted & answer) >= 3, "looked for the rubric's words")
    return said(bool(answer) and words(parts["Reference answer"]) <= answer)


def words(text: str) -> set[str]:
    text = text.lower().replace("kilometres per hour", "km/h")
    text = re.sub(r"plus or minus (\w+)", r"\1 -\1", text)
    text = re.sub(rf"\b({'|'.join(_TENS)})-(\w+)", lambda pair: str(_TENS[pair[1]] + _NUMBERS[pair[2]]), text)
    found = re.findall(r"-?\d+|[a-z][a-z/]*", text)
    return {str(_NUMBERS.get(word, _TENS.get(word, word))) for word in found if word not in _IDLE}


def always_correct(prompt: str) -> str:
    return said(True)


def always_incorrect(prompt: str) -> str:
    return said(False)


def echo(prompt: str) -> str:
    """Says the answer again."""
    return sections(prompt)["Answer to be assessed"]


def parrot(prompt: str) -> str:
    """Repeats whatever JSON it was shown; else it likes everything."""
    found = re.search(r"\{.*\}", sections(prompt)["Answer to be assessed"])
    return found[0] if found else said(True)


def shallow(prompt: str) -> str:
    """Correct is what has the same kind of look."""
    parts = sections(prompt)
    looks = [bool(re.search(r"\d", parts[name])) for name in ("Reference answer", "Answer to be assessed")]
    return said(looks[0] == looks[1])


def rambling(prompt: str) -> str:
    return f"The answer looks fine to me. {said(True)}"


def lone_brace(prompt: str) -> str:
    return "{"


def dice(seed: int) -> Mind:
    """Throws a coin for every prompt."""
    return lambda prompt: said(random.Random(f"{seed}{prompt}").random() < 0.5)


class ScriptedEngine:
    """An engine with a mind of ours. ``errors`` are what its next calls raise."""

    def __init__(self, mind: Mind, *, errors: list[Exception] | None = None, takes_s: float = 0.0) -> None:
        self.mind = mind
        self.errors = errors or []
        self.takes_s = takes_s
        self.prompts: list[str] = []
        self.started = asyncio.Event()
        self.active = self.most_active = self.starts = self.closes = 0

    @property
    def identity(self) -> EngineIdentity:
        return EngineIdentity("scripted", "1", "mind", "1")

    @property
    def produced_tokens(self) -> int:
        return 20 * len(self.prompts)

    async def start(self) -> None:
        self.starts += 1
        self.started.set()

    async def generate(self, request: Request) -> Generation:
        prompt = request.messages[-1].content
        self.prompts.append(prompt)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await asyncio.sleep(self.takes_s)
            if self.errors:
                raise self.errors.pop(0)
            return Generation(self.mind(prompt), FinishReason.STOP, 100, 20, request.sampling)
        finally:
            self.active -= 1

    async def close(self) -> None:
        self.closes += 1


def spec(engine: ScriptedEngine, *, slots: int = 8, deadline_s: float = 20.0) -> JudgeSpec:
    return JudgeSpec(
        Judge(engine="scripted", model="mind"), lambda: engine, JudgePlace(slots=slots, deadline_s=deadline_s)
    )


@contextmanager
def served(mind: Mind) -> Iterator[str]:
    """A mind behind an OpenAI-compatible endpoint, in a thread of its own; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"mind": staticmethod(mind)}))
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    mind: Mind
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": "double"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = self.mind(body["messages"][-1]["content"])
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        self._answer({"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 20}})

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
