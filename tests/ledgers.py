"""Ledgers made by hand, for tests: records of known values, chained as a run would have left them. All are synthetic."""
from __future__ import annotations

import hashlib
import pathlib
from typing import Iterable, Iterator

import support

from base import json_text, ledger_reader, ledger_records

RUN_ID = "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
STARTED = "2026-01-02T03:04:05Z"
MS = 1_000_000


def session_start(**changes: object) -> dict:
    return support.record("session_start", **{"started_at": STARTED, "server_version": "0.33.0", **changes})


def meta(**changes: object) -> dict:
    return support.record("meta", **{"run_id": RUN_ID, "synthetic": True, "session_start": session_start(), **changes})


def call(ttft_ms: float = 20.0, gap_ms: float = 10.0, tokens: int = 21, prompt: int = 120, prefill_tok_s: float = 10_000.0,
         **changes: object) -> dict:
    """A measured call that came out `ok`, every figure of which is known: one chunk a token, and an end token.

    The server's decode is (tokens - 1) / gaps, the client's the same.
    """
    texts = tokens - 1
    first, last = round(ttft_ms * MS), round((ttft_ms + (texts - 1) * gap_ms) * MS)
    done = last + round(gap_ms * MS)
    prefill_ns = round(prompt * 1e9 / prefill_tok_s)
    found = support.record("call", role="measured", phase="small-eval", model="m:1b", item="5Q-Q01", repeat=1, level=1,
                           outcome="ok", http_status=200, connect_ns=MS // 10, sent_ns=MS // 20, headers_ns=first,
                           first_chunk_ns=first, first_text_ns=first, first_answer_ns=first, last_text_ns=last,
                           done_ns=done, end_ns=done + MS // 10, gaps_us=[round(gap_ms * 1000)] * (texts - 1),
                           chunks=texts + 1, text_chunks=texts, total_ns=done, load_ns=2 * MS, prompt_tokens=prompt,
                           prompt_eval_ns=prefill_ns, eval_tokens=tokens, eval_ns=round((tokens - 1) * gap_ms * MS),
                           done_reason="stop", answer="B", options={"num_ctx": 4096, "num_predict": 64},
                           knobs={"think": False, "stream": True}, placement=placement(), endpoint="/api/chat",
                           nonce="0" * 18, prompt_sha256=hashlib.sha256(b"a prompt").hexdigest())
    return {**found, **changes}


def placement(**changes: object) -> dict:
    return {"size_bytes": 1_000_000_000, "vram_bytes": 1_000_000_000, "context_length": 4096, "loaded": ["m:1b"], **changes}


def conditions(**changes: object) -> dict:
    return support.record("conditions", **changes)


def footer(done: int, skipped: int = 0, **changes: object) -> dict:
    sessions = [{"session": 0, "started_at": STARTED, "ended_at": "2026-01-02T03:14:05Z", "ended": "complete"}]
    return support.record("footer", **{"complete": True, "planned": done + skipped, "done": done, "skipped": skipped,
                                       "sessions": sessions, **changes})


def numbered(records: Iterable[dict]) -> Iterator[dict]:
    """The same records with seq and prev filled in."""
    prev = None
    for seq, record in enumerate(records):
        chained = {**record, "seq": seq, "prev": prev}
        prev = hashlib.sha256(json_text.dumps(chained).encode("ascii")).hexdigest()
        yield chained


def typed(records: Iterable[dict]) -> list:
    """The same records numbered, as a reader of the ledger gets them."""
    return [ledger_records.typed(record) for record in numbered(records)]


def lines(path: pathlib.Path) -> list:
    """The lines of a ledger as plain objects, after the reader has found nothing wrong with them."""
    list(ledger_reader.read(path))
    return [json_text.loads(line) for line in path.read_bytes().splitlines()]


def data(records: Iterable[dict]) -> bytes:
    """A ledger's bytes."""
    return b"".join(json_text.dumps(record).encode("ascii") + b"\n" for record in numbered(records))


def manifest(**changes: object) -> dict:
    """A manifest for one model, m:1b; enough to summarise by."""
    model = support.record("model", name="m:1b", digest=hashlib.sha256(b"m:1b").hexdigest(), size_bytes=1_000_000_000, format="gguf")
    return support.record("manifest", **{"run_id": RUN_ID, "synthetic": True, "device_tag": "mac-m1-8gb",
                                         "started_at": STARTED, "target": "http://127.0.0.1:11434", "models": [model],
                                         "server_name": "ollama", "server_version": "0.33.0", **changes})
