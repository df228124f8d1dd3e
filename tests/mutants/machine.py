"""A machine that does not exist: a server with planted speeds on a clock of its own, behind the real session and runner.

What it says goes through the harness's own http_call, runner and session, so that its ledger has the very shape of a real
one. It is synthetic, and everything that is made with it says so.
"""
from __future__ import annotations

import json
import random
import types

import support

from base import json_text, ledger, plan, records
from measure import http_call, phase_runner, session
from measure.eta import Deadline
from measure.endpoint import JsonAnswer
from measure.eta import Eta

MS = 1_000_000
HEAD_TOKENS, TAIL_TOKENS, CHARACTERS_PER_TOKEN = 12, 5, 4
THOUGHTS = 9                # tokens of an answer that are thoughts, where there are any
WORDS = "the box is full of small round stones and one of them is not like any other that was put in".split()
TIMES = ("connect_ns", "sent_ns", "headers_ns", "first_chunk_ns", "first_text_ns", "first_answer_ns", "last_text_ns", "done_ns", "end_ns",
         "gaps_us", "total_ns", "load_ns", "prompt_eval_ns", "eval_ns")
CONDITIONS = {"power_source": "ac", "load_average": 0.5, "free_memory_bytes": 5_000_000_000, "swap_used_bytes": 0,
              "swapped_in_bytes": 0, "swapped_out_bytes": 0, "temperature_c": 48.0, "clock_mhz": 2400.0, "throttled": []}


class Server:
    """What a session and a runner need of an endpoint. `models` maps names to bytes, ms a token and ms a prompt token.

    A model may also say when it `thinks`: asked, or always.
    """

    def __init__(self, models: dict, slots: int = 2, seed: int = 1, words: list = WORDS, share: float = 0.0):
        self.models, self.slots, self.chance, self.words = models, slots, random.Random(seed), words
        self.share = share                              # of its limit that an answer takes; by default some two dozen tokens
        self.now_ns = 0
        self.contexts: dict = {}                        # loaded model: its context
        self.target = types.SimpleNamespace(is_loopback=True)

    def clock(self) -> int:
        self.now_ns += 1000
        return self.now_ns

    def loaded(self) -> list:
        return [{"name": name, "size": self.models[name]["size_bytes"] + 100_000 * context, "size_vram": 0,
                 "context_length": context} for name, context in self.contexts.items()]

    def unload(self, name: str, sleep: object = None) -> bool:
        self.contexts.pop(name, None)
        return True

    def is_alive(self) -> bool:
        return True

    def without_secrets(self, text: str) -> str:
        return text

    def ask(self, path: str, fields: dict) -> JsonAnswer:
        """The template rendered around a message, as the debug field of a real server shows it."""
        text = "x" * (HEAD_TOKENS * CHARACTERS_PER_TOKEN) + fields["messages"][0]["content"]
        return JsonAnswer(200, {"_debug_info": {"rendered_template": text}}, "", {})

    def answer(self, asks: list) -> list:
        """StreamResult for calls that start at one moment: as many at once as there are slots, the others wait."""
        self.now_ns += 3 * MS
        free = [self.now_ns] * self.slots
        came = []
        for number, ask in enumerate(asks):
            started_ns = self.now_ns + 20_000 * number
            slot = free.index(min(free))
            one = self._one(ask, started_ns, max(started_ns, free[slot]))
            free[slot] = one.ended_ns
            came.append(one)
        self.now_ns = max(one.ended_ns for one in came) + MS
        return came

    def _one(self, ask: session.Ask, started_ns: int, begins_ns: int) -> http_call.StreamResult:
        model, body = self.models[ask.step.model], session.body_of(ask)
        load_ns = self._load(ask.step.model, ask.options["num_ctx"], model)
        contents = [body["prompt"]] if "prompt" in body else [message["content"] for message in body["messages"]]
        around = 0 if "prompt" in body else HEAD_TOKENS + TAIL_TOKENS
        prompt_tokens = around + -(-sum(map(len, contents)) // CHARACTERS_PER_TOKEN)
        ready_ns = begins_ns + 400_000 + load_ns
        if not contents:
            return self._said(started_ns, [(ready_ns, {"done": True, "done_reason": "load"})])
        if prompt_tokens > ask.options["num_ctx"]:
            return self._said(started_ns, [(ready_ns, {"error": "the input length exceeds the context length"})], 400)
        return self._said(started_ns, self._stream(ask, model, started_ns, ready_ns, load_ns, prompt_tokens))

    def _load(self, name: str, num_ctx: int, model: dict) -> int:
        warm = self.contexts.get(name) == num_ctx
        self.contexts[name] = num_ctx
        return 2 * MS if warm else model["size_bytes"] // 2_000

    def _stream(self, ask: session.Ask, model: dict, started_ns: int, ready_ns: int, load_ns: int, prompt_tokens: int) -> list:
        limit = ask.options["num_predict"]
        wanted = int(self.share * limit) + 20 + sum(map(ord, ask.step.item)) % 12
        tokens = min(limit, wanted + 1)                 # the end token is counted and never shown
        shown = tokens if tokens == limit else tokens - 1
        prefill_ns = int(prompt_tokens * model["prompt_ms"] * MS * self.chance.uniform(0.98, 1.02)) + MS
        first_ns = ready_ns + prefill_ns
        stamps = [first_ns]
        for _ in range(shown):
            stamps.append(stamps[-1] + int(model["token_ms"] * MS * self.chance.uniform(0.93, 1.07)))
        thinks = model.get("thinks") == "always" or (model.get("thinks") == "asked" and ask.request_fields.get("think", True) is not False)
        fields = ["thinking" if thinks and number < THOUGHTS else "content" for number in range(shown)]
        said = [(stamp, {"message": {field: self.chance.choice(self.words) + " "}}) for stamp, field in zip(stamps, fields)]
        last_ns = stamps[shown - 1] if tokens == shown else stamps[shown]
        said.append((last_ns + 50_000, {
            "done": True, "done_reason": "length" if tokens == limit else "stop",
            "total_duration": last_ns - started_ns - 100_000, "load_duration": load_ns, "prompt_eval_count": prompt_tokens,
            "prompt_eval_duration": prefill_ns, "eval_count": tokens, "eval_duration": max(1000, last_ns - first_ns)}))
        return said

    def _said(self, started_ns: int, lines: list, status: int = 200) -> http_call.StreamResult:
        pieces = [(stamp + 150_000, json.dumps({"done": False, **line}).encode("ascii") + b"\n") for stamp, line in lines]
        return http_call.StreamResult(pieces, "end", None, status, 90_000, started_ns, started_ns + 30_000, pieces[0][0],
                              pieces[-1][0] + 200_000)


class Ledger:
    """A writer into memory."""

    def __init__(self) -> None:
        self.records: list = []

    def append(self, record: dict) -> dict:
        self.records.append({"type": record["type"], "seq": len(self.records), "prev": None, **record})
        return self.records[-1]


class Session(session.Session):
    """The real session; only what the server says comes from nowhere."""

    def make(self, asks: list, finding_of: object = None) -> list:
        came = self.endpoint.answer(asks)
        answers = iter([came])
        with_answers, http_call.run = http_call.run, lambda *_: next(answers)
        try:
            return super().make(asks, finding_of)
        finally:
            http_call.run = with_answers


class Machine:
    """A machine that holds still."""

    def begin(self) -> None:
        pass

    def read(self) -> dict:
        return support.record("conditions", **CONDITIONS)

    def look_around(self, sleep: object, seconds: float) -> None:
        pass


def sealed(records: list) -> list:
    """The same records with seq and prev as they must be."""
    prev, found = None, []
    for seq, record in enumerate(records):
        found.append({**record, "seq": seq, "prev": prev})
        prev = ledger.sha256(json_text.dumps(found[-1]).encode("ascii"))
    return found


def settled_nonces(records: list, first: int) -> list:
    """The same records with nonces that do not depend on chance: the same where they were the same."""
    known: dict = {}
    for record in records:
        if record.get("nonce") is not None:
            number = known.setdefault(record["nonce"], (271828182845904523 + first + 314159265358979 * len(known)) % 10 ** 18)
            record["nonce"] = f"{number:018d}"
    return records


class Silent:
    """A watch that shows nothing."""

    def begin(self, asks: list) -> None:
        pass

    tick = end = skip = begin


def opened(manifest: dict, server: Server) -> tuple:
    """(session, the ledger it writes to), introduced by a meta line."""
    kept, start = Ledger(), {"started_at": manifest["started_at"], "server_version": manifest["server_version"],
                             "floor": manifest["floor"], "earlier_sessions": [], "energy_counter": None,
                             "energy_unknown": "synthetic: no counter was read"}
    kept.append({"type": "meta", "session": 0, "schema": records.LEDGER_VERSION, "run_id": manifest["run_id"],
                 "synthetic": manifest["synthetic"], "session_start": start})
    return Session(server, kept, 0, start, True, http_call.Stop(), Silent(), session.Tally(), Machine()), kept


def closed(here: Session, kept: Ledger, manifest: dict, ended_at: str, first_nonce: int = 0) -> list:
    """The records of a session that has ended, its footer the last."""
    here.footer(manifest["planned_calls"], "complete")
    kept.records[-1]["sessions"][-1]["ended_at"] = ended_at
    return sealed(settled_nonces(kept.records, first_nonce))


def records_of(manifest: dict, loaded: dict, server: Server, ended_at: str, first_nonce: int = 0) -> list:
    """The ledger of one whole session over the manifest's plan."""
    here, kept = opened(manifest, server)
    here.sleep = lambda seconds: None
    settings = plan.settings_of(manifest)
    names = [model["name"] for model in manifest["models"]]
    planned = plan.blocks(names, [row["phase"] for row in manifest["suites"]], loaded, settings)
    runner = phase_runner.PhaseRunner(here, settings, loaded, {}, {}, {name: None for name in names}, Deadline(server.clock, None), Eta({}))
    runner.run(planned)
    for number, record in enumerate(kept.records):
        if record["type"] == "call":
            record["conditions"]["free_memory_bytes"] -= 4096 * number      # no two readings of a real machine are the same
    return closed(here, kept, manifest, ended_at, first_nonce)
