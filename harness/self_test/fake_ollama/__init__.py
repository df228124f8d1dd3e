"""A fake Ollama server whose every token and time is planned beforehand.

    python harness/self_test/fake_ollama [--port 0]

It listens on 127.0.0.1, prints one line, {"url": "http://127.0.0.1:PORT", "pid": N}, and runs until its standard input
is closed (so no crash of its starter leaves it behind), or SIGTERM or SIGINT. It answers as a chosen version of Ollama
does, byte for byte where recordings of real servers exist, takes real time for loading, prefill and decoding, and
misbehaves where its script says so. It imports nothing of the project, so that it is independent of what it tests. It
answers the requests that the harness makes, and no others.

    POST /fake/script      a new script; every model, cache, rule and log entry of the old one is forgotten
    GET  /fake/log?from=N  the truth: one object for each request from number N on, in order of arrival
    POST /fake/log/clear   an empty log; numbers start at 0 again

A script is one JSON object; every field may be left out. script.py has its records with units and defaults, faults.py
every way to misbehave:

    {"speak": "0.33.0-rc2", "slots": 2, "exact": true,
     "models": [{"name": "alpha", "answer_tokens": 64, "decode_gap_ms": 2.0, "prefill_tok_s": 5000}],
     "rules": [{"when": {"path": "/api/chat", "contains": "capital", "nth": 3}, "times": 1,
                "do": {"fault": "reset", "after": 5}}]}

The way of a request: http_wire reads it, routes finds the endpoint, text_request reads what it asks for, chat_handlers
answers it; engine loads the model and gives it a slot, tokenizer makes the tokens of prompt and answer, decode gives
each its time, versions formats them as one version does, faults changes them, server_state sends them when they are
due, and truth_log keeps what was planned and what was done.
"""
