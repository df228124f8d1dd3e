"""The comparison's records: what two runs have in common, where they differ, and by how much."""
from __future__ import annotations

from base.records.field import fields

COMPARISON_VERSION = "comparison-1.0"

COMPARED = {    # what is compared, and how: ratios of B to A, but for the answers
    "ttft_ms": "time to first token of the same prompt",
    "prefill_tok_s": "prefill of the same prompt, by the server's counters",
    "decode_tok_s": "decode in answer to the same prompt, by the server's counters",
    "total_ms": "request to done of the same prompt, where both answers are of the same number of tokens",
    "wave_tok_s": "answer tokens a second of the same wave, all its calls together",
    "answers": "which answers are right",
}
EFFECTS = {
    "left-out": "the figures named are not compared: they would compare different things",
    "other-model": "different models: the figures compare two models, not two machines",
    "cause": "compared; this may explain a difference of the figures",
    "scope": "what only one run has is not compared; no pair is affected",
    "unknown": "unknown whether it is the same in both",
}
DIFFERENCES = {
    "none-shown": "the interval includes 1, or there are too few pairs for an interval",
    "faster": "B is faster than A, and the interval excludes 1",
    "slower": "B is slower than A, and the interval excludes 1",
    "not-compared": "the runs differ in what this figure depends on",
}
ANSWER_DIFFERENCES = {
    "none-shown": "a sign test over the answers that changed gives 5 % or more",
    "more-right": "B answers more right than A",
    "fewer-right": "B answers fewer right than A",
    "not-compared": "the runs differ in what the answers depend on",
}
MARKS = {
    "right": "graded, and right",
    "wrong": "graded, and not right; an answer without text is wrong",
    "censored": "cut by a limit: neither right nor wrong",
    "ungraded": "has a grader and no verdict: code that was not run",
    "failed": "the call has no answer",
}
CHOICES = {"effect": EFFECTS, "difference_verdict": DIFFERENCES, "answer_verdict": ANSWER_DIFFERENCES, "mark": MARKS}

RECORDS = {
    "comparison": fields(
        ("schema", "text", "comparison-1.0"),
        ("synthetic", "bool", "true: at least one run is from the fake server or a script"),
        ("statistics", "text", "how medians and intervals were made"),
        ("a", "compared_run", "the baseline run"),
        ("b", "compared_run", "the run compared with it"),
        ("same_run", "bool", "true: A and B are the same run, and nothing is compared"),
        ("comparable", "bool", "at least one pair of calls of both runs supports a figure"),
        ("noise_floor", "bool", "true: no relevant difference, so the figures differ only by this machine's noise"),
        ("differences", "list:difference", "differences between the runs, and their effect"),
        ("cells", "list:compared_cell", "one for each model, phase and level; waves of several models have their own"),
        ("unremembered", "count", "always 0: all calls of A are remembered"),
    ),
    "compared_run": fields(
        ("run_id", "run_id", "which"),
        ("ledger_sha256", "sha256", "of the ledger's bytes"),
        ("synthetic", "bool", "true: no machine was measured"),
        ("device_tag", "text?", "from the manifest"),
        ("started_at", "utc?", "time of day"),
        ("complete", "bool", "every planned call has a record"),
        ("planned", "count", "measured calls in the plan"),
        ("done", "count", "measured calls that were made"),
        ("verdict", "choice:verdict?", "whether the machine was stable during the run"),
    ),
    "difference": fields(
        ("key", "text", "what differs"),
        ("model", "text?", "null: whatever the model"),
        ("phases", "list:text", "in which it matters; [] in all"),
        ("a", "text?", "in A; null: not there, or left to the server"),
        ("b", "text?", "in B"),
        ("effect", "choice:effect", "what follows"),
        ("figures", "list:text", "of COMPARED, those that are left out; [] none"),
    ),
    "compared_cell": fields(
        ("models", "list:text", "one; several where a wave is of several"),
        ("phase", "text", "which suite"),
        ("level", "count?", "calls at once; null where the phase has no levels"),
        ("same_model", "bool", "the same digests in both runs"),
        ("pairs", "count", "calls (or full waves) that both runs made of the same prompt"),
        ("only_a", "count", "calls that B lacks"),
        ("only_b", "count", "calls that A lacks"),
        ("unlike", "count", "calls with different prompt texts; not compared"),
        ("failed_a", "count", "of the pairs: calls of A that support no figure"),
        ("failed_b", "count", "of the pairs: calls of B that support no figure"),
        ("figures", "list:compared_figure", "ratios of B to A"),
        ("answers", "compared_answers?", "null where nothing has a right answer"),
    ),
    "compared_figure": fields(
        ("figure", "text", "of COMPARED, what is compared"),
        ("n", "count", "pairs in which both have the figure"),
        ("ratio", "number?", "B over A, the median of the pairs"),
        ("low", "number?", "lower end of the median's 95 % interval; null below 2"),
        ("high", "number?", "upper end"),
        ("verdict", "choice:difference_verdict", "what that shows"),
        ("says", "text", "the same in words"),
    ),
    "compared_answers": fields(
        ("n", "count", "pairs of which both answers were graded"),
        ("right_a", "count", "of these, right in A"),
        ("right_b", "count", "of these, right in B"),
        ("gained", "count", "wrong in A, right in B"),
        ("lost", "count", "right in A, wrong in B"),
        ("verdict", "choice:answer_verdict", "what that shows"),
        ("says", "text", "the same in words"),
        ("changed", "count", "pairs with different results, ungraded and failed ones included"),
        ("changes", "list:answer_change", "the first 200 of them"),
    ),
    "answer_change": fields(
        ("item", "text", "id in the suite"),
        ("pass", "choice:pass?", "of the frozen prompts"),
        ("repeat", "count", "from 1"),
        ("a", "choice:mark", "result in A"),
        ("b", "choice:mark", "result in B"),
    ),
}
