"""The EXAMPLE: five files that are complete in shape and say of themselves that no machine was measured.

    cd tests && python -m mutants.example

writes them anew. A test compares what is in submissions/ with what is made here, byte for byte.
"""
from __future__ import annotations

import pathlib

import support

from base import names, plan, suites
from judge import tree_layout
from measure import session
from mutants import machine, valid

STARTED_AT, ENDED_AT = "2026-01-02T03:04:05Z", "2026-01-02T03:05:00Z"
MODEL = {"synthetic-model:1b": {"size_bytes": 900_000_000, "token_ms": 25.0, "prompt_ms": 0.9, "digest": "0" * 64}}
WORDS = "synthetic text that no model wrote and no machine measured".split()
TITLE = "EXAMPLE: synthetic, no machine was measured"
STORY = {
    "Machine and cooling": "Synthetic: there is no machine. In a run of your own, something like: a laptop on a wooden desk, lid open, "
                           "plugged in, its fan at full speed from the second minute on; the room had 22 degrees.",
    "What else was running": "Synthetic: nothing ran at all. In a run of your own, something like: a browser with three tabs, closed before "
                             "the second model; no backup and no update; nobody else used the machine.",
    "Deviations explained": "Synthetic: one repeat and three calls are enough to show the shape. In a run of your own, say of each deviation and "
                            "each skipped call why it was so.",
    "What surprised me": "Synthetic: nothing could. In a run of your own, something like: the third prompt took twice as long the first time, "
                         "while the system was indexing; do not trust that figure.",
}


class Example(valid.Run):
    """The values of the five files."""

    def __init__(self) -> None:
        settings = plan.Settings(repeats=1)
        self.manifest = {**valid.manifest_of(["frozen-prompts"], settings, MODEL), "run_id": names.NIL_RUN_ID, "synthetic": True,
                         "handle": "example", "device_tag": "mac-m1-8gb", "started_at": STARTED_AT, "host_hostname_short": "synthetic",
                         "platform": "synthetic", "harness_sha256": "0" * 64, "harness_commit": "0" * 40, "planned_calls": 3}
        self.manifest["plan"] = [{**self.manifest["plan"][0], "planned_calls": 3}]
        self.hardware = valid.hardware_of(synthetic=True)
        self.records = _records(self.manifest, settings)
        self.handle, self.device_tag, self.run_id = "EXAMPLE", "mac-m1-8gb", names.NIL_RUN_ID
        self.title, self.story = TITLE, STORY


def _records(manifest: dict, settings: plan.Settings) -> list:
    """A meta line, three calls and a footer."""
    suite = suites.load("frozen-prompts")
    here, kept = machine.opened(manifest, machine.Server(MODEL, words=WORDS))
    for item in suite.items:
        here.make([session.Ask(plan.Step("frozen-prompts", manifest["models"][0]["name"], item.id, "first"), "measured",
                               tuple(suites.message_texts(suite, item)), settings.options_for(settings.num_ctx, item.num_predict),
                               settings.request_fields, session.new_nonce())])
    return machine.closed(here, kept, manifest, ENDED_AT)


def write(folder: pathlib.Path = support.ROOT / tree_layout.EXAMPLE) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in Example().files().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    write()
