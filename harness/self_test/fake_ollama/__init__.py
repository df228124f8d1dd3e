"""The loopback server: an Ollama that is not one, whose every token and nanosecond was decided beforehand.

    python harness/self_test/fake_ollama [--port 0] [--script FILE]

It listens on 127.0.0.1, prints one line, {"url": "http://127.0.0.1:PORT", "pid": N}, and lives until its standard
input ends (so no crash of its starter leaves it behind), or SIGTERM or SIGINT. It answers as a chosen version of
Ollama answers, byte for byte where recordings of real servers exist, takes real time for loading, prefill and
decoding, and misbehaves where its script says so. It imports nothing of the project: what it finds out about the
harness is the word of an independent witness.

    POST /stub/script      a new script; every model, cache, rule and log entry of the old one is forgotten
    GET  /stub/log?from=N  the truth: one object for each request from number N on, in order of arrival
    POST /stub/log/clear   an empty log; numbers start at 0 again
    GET  /stub/state       which models are loaded, and what each slot is doing

A script is one JSON object; every field may be left out. script.py holds its records with units and defaults,
faults.py every way to misbehave:

    {"speak": "0.33.0-rc2", "slots": 2,
     "models": [{"name": "alpha", "answer_tokens": 64, "decode_gap_ms": 2.0, "prefill_tok_s": 5000}],
     "rules": [{"when": {"path": "/api/chat", "contains": "capital", "nth": 3}, "times": 1,
                "do": {"fault": "reset", "after": 5}}]}

The way of a request: wire.py reads it, routes.py finds the endpoint, order.py checks what it asks for, talk.py (and
openai.py) sees it through; engine.py loads the model and gives it a slot, speech.py finds the tokens of prompt and
answer, decode.py gives each one its moment, dialect.py puts them into the words of one version, faults.py spoils
them, world.py sends them when they are due, and truth.py keeps what was planned and what was done.

What it will not do: pictures, tools, grammars, log probabilities, speculative decoding, HTTP/1.0, the cloud.
"""
