#!/usr/bin/env python3
"""Holds every call to Telegram that the tests made against aiogram, an independent library for the Bot API.

    pip install -r tests/aiogram/requirements.txt
    python3 tests/aiogram/validate.py target/tmp/telegram

The folder holds what the stories' sandbox was asked: files of JSON lines, each a method, its parameters, and the status
that was answered. A missing, misspelt or unknown parameter, however deep, is a failure, and so is a folder in which one
of the calls that M.A.X. lives on does not occur. Lengths are not aiogram's to check: the sandbox does that.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from aiogram import methods
from pydantic import BaseModel, ValidationError

METHODS = {name.lower(): getattr(methods, name) for name in methods.__all__ if name != "TelegramMethod"}
# Without these the tests did not do what they are for.
EXPECTED = {"getme", "getupdates", "sendmessage", "editmessagetext", "answercallbackquery", "setmycommands", "sendphoto"}


def unknown(value, path):
    """The paths of all fields below `value` that aiogram does not know."""
    if isinstance(value, BaseModel):
        for name in value.model_extra or {}:
            yield f"{path}.{name} is unknown"
        for name in type(value).model_fields:
            yield from unknown(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from unknown(item, f"{path}[{number}]")


def faults(method, params):
    """What aiogram has against a call; nothing when it would make the same."""
    model = METHODS.get(method.lower())
    if model is None:
        return [f"{method} is no method"]
    try:
        call = model.model_validate(params)
    except ValidationError as error:
        return [f"{method}.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return list(unknown(call, method))


def check_the_check():
    """A check that finds nothing wrong with anything proves nothing."""
    button = {"text": "OK", "callback_data": "1:done:a"}
    good = {"chat_id": 1, "text": "a", "reply_markup": {"inline_keyboard": [[button]]}}
    wrong = [
        ("SendMessage", {**good, "disable_notifications": True}),
        ("SendMessage", {"chat_id": 1}),
        ("SendMessage", {**good, "chat_id": None}),
        ("SendMessage", {**good, "reply_markup": {"inline_keyboard": [[{**button, "calback_data": "x"}]]}}),
        ("SendMessage", {**good, "link_preview_options": {"disabled": True}}),
        ("SendMessages", good),
        ("AnswerCallbackQuery", {"text": "a"}),
    ]
    assert not faults("SendMessage", good) and not faults("sendmessage", good), faults("SendMessage", good)
    for method, params in wrong:
        assert faults(method, params), f"{method} {params} is wrong, and nobody noticed"


def main(folder):
    check_the_check()
    seen, found = Counter(), Counter()
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            call = json.loads(line)
            seen[call["method"].lower()] += 1
            for fault in faults(call["method"], call["params"]):
                found[(path.stem, fault)] += 1
    for (story, fault), times in sorted(found.items()):
        print(f"{story}: {fault} ({times} times)")
    missing = sorted(EXPECTED - set(seen))
    if missing:
        print(f"never called in {folder}: {', '.join(missing)}")
    counts = ", ".join(f"{method} {times}" for method, times in seen.most_common())
    print(f"{sum(seen.values())} calls held against aiogram: {counts}")
    return 1 if found or missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
