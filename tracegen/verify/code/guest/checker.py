"""The checker's side: one output, judged by the reference's own ``check``."""

import json

from tracegen.verify.code.guest.channel import open_channel


def main(source: str) -> None:
    """Read ``[input, expected, output]``, say ``true`` or ``false``. A checker that fails says nothing, and is gone."""
    receive, send = open_channel()
    given, expected, output = json.loads(receive())
    space: dict[str, object] = {"__name__": "checker"}
    exec(compile(source, "checker", "exec", dont_inherit=True), space)  # noqa: S102 - this is a sandbox
    right = space["check"](given, expected, output)  # type: ignore[operator]
    if right is True or right is False:
        send(json.dumps(right))
