"""Sample queries over catalogue.sqlite; none ranks a figure without its n.

`:name` in a query is a parameter, as in Datasette; `parameters` are example values.
"""
from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SampleQuery:
    title: str
    description: str    # how to read the answer
    sql: str
    parameters: dict = field(default_factory=dict)


QUERIES = (
    SampleQuery(
        "Which model is best for 8 GB?",
        "Models that were measured on machines with so much memory, by the lower end of the interval of right answers, so that few "
        "answers count less than many; the slow ones are left out. Those without a run that may be compared with others come last.",
        """\
SELECT model, device_tag, answers, answers_low, answers_n, decode_tok_s, decode_tok_s_runs, memory_bytes,
  (SELECT count(*) FROM run_model m JOIN run r USING (run_id)
   WHERE m.variant_id = h.variant_id AND r.site_grade <> 'archive-only') AS comparable_runs
FROM headline h
WHERE memory_class_gb = :memory_gb AND decode_tok_s >= :least_tok_s AND answers IS NOT NULL
ORDER BY comparable_runs > 0 DESC, answers_low DESC, decode_tok_s DESC, cell_id, digest""", {"memory_gb": 8, "least_tok_s": 5}),
    SampleQuery(
        "Which models have no better and faster one beside them on this machine?",
        "The front of quality against speed: no other model on the device has both more right answers and a faster decode.",
        """\
SELECT a.model, a.answers, a.answers_low, a.answers_high, a.answers_n, a.decode_tok_s, a.decode_tok_s_runs
FROM headline a
WHERE a.device_tag = :device AND a.answers IS NOT NULL AND a.decode_tok_s IS NOT NULL
  AND NOT EXISTS (
    SELECT 1 FROM headline b
    WHERE b.device_tag = a.device_tag AND b.answers >= a.answers AND b.decode_tok_s >= a.decode_tok_s
      AND (b.answers > a.answers OR b.decode_tok_s > a.decode_tok_s))
ORDER BY a.decode_tok_s DESC, a.cell_id, a.digest""", {"device": "mac-m1-8gb"}),
    SampleQuery(
        "What does a full context cost?",
        "Decode by the tokens of the prompt, in every context that was measured; context_cost is what the fullest prompt of the "
        "canonical context loses against the emptiest.",
        """\
SELECT k.device_tag, k.model, k.phase, k.prompt_tokens, k.fill, k.decode_tok_s, k.q1, k.q3, k.runs, k.calls, h.context_cost
FROM context_curve k JOIN headline h USING (variant_id)
WHERE k.phase LIKE 'context-edge%' AND k.device_tag = :device
ORDER BY k.model, k.variant_id, k.prompt_tokens""", {"device": "mac-m1-8gb"}),
    SampleQuery(
        "Which quantization is faster here?",
        "Models of one family and size on one device that differ in their quantization, the faster first.",
        """\
SELECT family, parameter_size, quantization, model, decode_tok_s, decode_tok_s_q1, decode_tok_s_q3, decode_tok_s_runs,
  answers, answers_n, memory_bytes
FROM headline h
WHERE device_tag = :device AND 1 < (
  SELECT count(DISTINCT o.quantization) FROM headline o
  WHERE o.device_tag = h.device_tag AND o.family = h.family AND o.parameter_size = h.parameter_size)
ORDER BY family, parameter_size, decode_tok_s DESC, digest""", {"device": "mac-m1-8gb"}),
    SampleQuery(
        "How much do several calls at once bring?",
        "Answer tokens a second of all calls together, by how many were sent at once; `serialised` counts runs in which the server "
        "made them wait for each other.",
        """\
SELECT device_tag, model, level, tok_s, tok_s_q1, tok_s_q3, tok_s_runs, tok_s_calls AS waves, parallelism, serialised, failed
FROM concurrency_curve
WHERE phase = 'parallel-same' AND device_tag = :device
ORDER BY model, variant_id, level""", {"device": "mac-m1-8gb"}),
    SampleQuery(
        "Which machine runs this model fastest?",
        "Every device on which it was measured, by decode; look at the runs before you look at the rank.",
        """\
SELECT device_tag, device_label, decode_tok_s, decode_tok_s_q1, decode_tok_s_q3, decode_tok_s_runs, decode_tok_s_calls,
  offload_share, digest
FROM headline
WHERE model = :model AND decode_tok_s IS NOT NULL
ORDER BY decode_tok_s DESC, variant_id""", {"model": "pebble:0.6b"}),
    SampleQuery(
        "How long until the first word of a long prompt?",
        "Time to first text by prompt length, on a server that has the model loaded.",
        """\
SELECT device_tag, model, phase, item, prompt_tokens, ttft_ms, q1, q3, runs, calls
FROM prompt_curve
WHERE device_tag = :device
ORDER BY model, variant_id, prompt_tokens""", {"device": "raspberry-pi-5-8gb"}),
    SampleQuery(
        "How close does it come to what the memory allows?",
        "Decode over memory bandwidth divided by the size of the weights: how much of the hardware the server uses.",
        """\
SELECT device_tag, model, quantization, bound_bandwidth_gb_s, bound_size_bytes, bound_tok_s, decode_tok_s, bound_share,
  decode_tok_s_runs
FROM headline
WHERE bound_share IS NOT NULL
ORDER BY bound_share DESC, variant_id"""),
    SampleQuery(
        "Does the machine slow down while it works?",
        "The frozen prompts after all else over the same before; 1 is steady. The runs' own verdicts stand beside it.",
        """\
SELECT r.device_tag, r.verdict, count(DISTINCT r.run_id) AS runs, round(avg(v.drift), 4) AS mean_drift_of_cells,
  min(v.drift) AS least
FROM run r JOIN run_model m USING (run_id) JOIN variant v USING (variant_id)
GROUP BY r.device_tag, r.verdict
ORDER BY r.device_tag, r.verdict"""),
    SampleQuery(
        "What went wrong, and how often?",
        "Calls that did not come to an end, and calls that were not made, with their reasons; every attempt counts.",
        """\
SELECT c.device_tag, c.model, o.phase, o.outcome AS what, o.n, v.calls AS of_calls
FROM outcome o JOIN variant v USING (variant_id) JOIN cell c USING (cell_id)
WHERE o.outcome NOT IN ('ok', 'length')
UNION ALL
SELECT c.device_tag, c.model, s.phase, 'skipped: ' || s.reason, s.n, v.calls
FROM skip s JOIN variant v USING (variant_id) JOIN cell c USING (cell_id)
ORDER BY 5 DESC, 1, 2, 3, 4"""),
    SampleQuery(
        "What is known from one run alone?",
        "Cells that a second run would help most; their figures have no spread over runs.",
        """\
SELECT cell_id, runs, calls, handles, newest, page
FROM headline
WHERE runs = 1
ORDER BY newest DESC, cell_id, digest"""),
    SampleQuery(
        "What does an answer cost in energy?",
        "Joules of the machine's own counters for each answer token, prefill included; only where a counter could be read.",
        """\
SELECT device_tag, model, energy_j_per_tok, energy_j_per_tok_runs, energy_j_per_tok_calls, decode_tok_s
FROM headline
WHERE energy_j_per_tok IS NOT NULL
ORDER BY energy_j_per_tok, variant_id"""),
    SampleQuery(
        "Does thinking pay?",
        "Right answers with thinking less plain ones, paired by item: an interval that holds 0 may be chance. Beside it the time to a "
        "right answer in both ways.",
        """\
SELECT c.device_tag, c.model, t.phase, t.pairs, t.right_plain, t.right_thinking, t.difference, t.difference_low, t.difference_high,
  t.tokens AS thinking_tokens, t.time_to_correct_plain_ms, t.time_to_correct_thinking_ms, t.time_ratio, t.cut_by_budget, t.runs
FROM thinking t JOIN variant v USING (variant_id) JOIN cell c USING (cell_id)
WHERE t.pairs > 0
ORDER BY t.difference DESC, v.variant_id, t.phase"""),
    SampleQuery(
        "How large a context does each machine serve?",
        "The largest context in which the fullest prompt was answered, with its speed, and whether the fact in its middle was recalled.",
        """\
SELECT c.device_tag, c.model, l.num_ctx, l.prompt_tokens, l.decode_tok_s, l.ttft_ms, l.middle_found, l.middle_asked, l.partial_from, l.runs
FROM ladder l JOIN variant v USING (variant_id) JOIN cell c USING (cell_id)
WHERE l.num_ctx IS NOT NULL
ORDER BY l.num_ctx DESC, l.decode_tok_s DESC, v.variant_id"""),
    SampleQuery(
        "From which context on does a part leave the accelerator?",
        "Every context that was climbed, with what the model takes in memory and how much of it is on the accelerator.",
        """\
SELECT c.device_tag, c.model, r.num_ctx, r.size_bytes, r.offload_share, r.load_ms, r.runs
FROM rung r JOIN variant v USING (variant_id) JOIN cell c USING (cell_id)
WHERE r.num_ctx IS NOT NULL AND r.offload_share > 0
ORDER BY c.device_tag, c.model, v.variant_id, r.num_ctx"""),
)
