"""Hostile texts: what a submission might hold to break out of the place it is shown in. As texts they are harmless.

Whatever of them ran in a browser would set `window.broken`, ask for a picture of another host, or open a dialogue.
"""
from __future__ import annotations

from typing import Iterator

import support      # noqa: F401  (puts the harness on the path)

from publish.page_inputs import CellPageInput, RunPageInput

RUN = "window.broken=1"
FAR = "https://far.example/x"

TEXTS = (
    f"<script>{RUN}</script>", f"</script><script>{RUN}</script>", f'"><script>{RUN}</script>',
    f"'><img src=x onerror={RUN}>",
    f"<img src=x onerror='{RUN}'>", f"<svg onload={RUN}>", f"<svg><script>{RUN}</script></svg>",
    f"</title><script>{RUN}</script>",
    f"</desc></svg><img src=x onerror={RUN}>", f"</textarea></style></noscript><script>{RUN}</script>",
    f"<!--><script>{RUN}</script>-->",
    f"]]><script>{RUN}</script>", f"<math><mtext></mtext><mglyph><style><img src=x onerror={RUN}></style></mglyph></math>",
    f'" onmouseover="{RUN}" x="', f"' onfocus='{RUN}' autofocus='", f"` onclick=`{RUN}", f"x onclick={RUN}",
    "&lt;script&gt;", "&#x3c;img src=x&#x3e;",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>", f"<meta http-equiv=refresh content='0;url={FAR}'>",
    f"<base href={FAR}/>",
    f"<link rel=stylesheet href={FAR}.css>", f"<form action={FAR}><button>go</button></form>",
    f"<object data={FAR}></object>",
    f"<style>*{{background:url({FAR})}}</style>", "<plaintext>", "<!DOCTYPE html><html><body>", "</body></html>",
    "<table><tr><td>", "</td></tr></table>",
    f"[click](javascript:{RUN})", f"[click](  javascript:{RUN} )", f"![picture]({FAR}.png)", f"<javascript:{RUN}>",
    f"[a]({FAR}\" onclick=\"{RUN})",
    f"[//]: # (<script>{RUN}</script>)", f"```\n</code></pre><script>{RUN}</script>\n```", f"`<script>{RUN}</script>`",
    f"| <script>{RUN}</script> |\n|---|\n| x |",
    f"[x][y]\n\n[y]: javascript:{RUN}", f"**<b onclick={RUN}>**", "# </h1><h1>", "> " * 200 + "deep", "- " * 200 + "deep",
    "*" * 400, "_" * 400, "[" * 400, "`" * 401,
    "=cmd|' /C calc'!A0", "+1+1", "@SUM(1)", "-1+1", "\tx", "a,b;c\"d", "]]>", "<![CDATA[x]]>", "<?xml version='1.0'?>",
    '<!ENTITY x SYSTEM "file:///etc/hosts">', "&x;",
    "../../../etc/passwd", "..\\..\\x", "/absolute", "C:\\x", "a/../../b", ".", "..", "con", "a\x00b", "name\n<b>",
    "x" * 300,
    "\u202egpj.exe\u202c", "a\u2066b\u2069", "\u200bzero", "\u05e9\u05dc\u05d5\u05dd abc",
    "\u0627\u0644\u0646\u0645\u0648\u0630\u062c (1)", "\ufeffmark", "line\u2028end", "{{7*7}}", "${7*7}", "%s%n",
    "\\u003cscript\\u003e",
)
ADDRESSES = (
    f"javascript:{RUN}", f"JaVaScRiPt:{RUN}", f" javascript:{RUN}", f"java\tscript:{RUN}", f"java\nscript:{RUN}",
    f"\x01javascript:{RUN}", "vbscript:x",
    f"data:text/html,<script>{RUN}</script>", "data:image/svg+xml,<svg/>", "file:///etc/hosts", "blob:x", "about:blank",
    "http://far.example/", "ftp://far.example/",
    "//far.example/x", "\\\\far.example\\x", "/etc/passwd", "\\x", "https:far.example", "https:///x", "https://",
    "https://user@far.example/", "https://far.example/\"x",
    "https://far.example/<x>", "https://far.example/a b", "a:b", "..", "../", "../../../../x.html", "a/../b.html",
    "./a.html", "a//b", "", " ", "x.html\nb", "#", "#a b", "?a=b",
)


# What the builder computes or the checker holds to a list; everything else is a text that a submission brings.
OURS = frozenset((
    "page data raw run_id device_tag cell_id cells digest digests model_id schema phase phases item pass pass_ place "
    "role type outcome outcomes reason skips grades site_grade grade verdict verdicts visibility severity code "
    "warnings model_memory_kind started_at ended_at newest oldest superseded_by prefill_bases harness_modified").split())


def texts(start: int = 0) -> Iterator[str]:
    """One after the other, again and again."""
    number = start
    while True:
        yield TEXTS[number % len(TEXTS)]
        number += 1


def poisoned(record: object, names: dict, draw: Iterator[str], key: str = "") -> object:
    """The same record with every text of a submission replaced by the next hostile one; a model keeps one name throughout."""
    if key == "raw" or (key in OURS and isinstance(record, str)):
        return record
    if isinstance(record, dict):
        return {name: poisoned(value, names, draw, name) for name, value in record.items()}
    if isinstance(record, list):
        return [poisoned(value, names, draw, key) for value in record]
    if not isinstance(record, str):
        return record
    return names[record] if key == "model" and record in names else next(draw)


def site(document: dict, cells: list, runs: list, start: int = 0) -> tuple:
    """(catalogue, cell views, run views) of the same shape, hostile in every text; each run shows the next 25 as Markdown."""
    draw = texts(start)
    names = {model["model"]: f"{next(draw)} {place}" for place, model in enumerate(document["models"])}
    return (poisoned(document, names, draw), [CellPageInput(**poisoned(vars(inputs), names, draw)) for inputs in cells],
            [_run(inputs, names, draw, (start + 25 * place) % len(TEXTS)) for place, inputs in enumerate(runs)])


def _run(inputs: RunPageInput, names: dict, draw: Iterator[str], start: int) -> RunPageInput:
    finding = {name: "x" for name in ("rule", "path", "pointer", "observed", "expected", "says", "fix")}
    fields = poisoned({**vars(inputs), "run": {**inputs.run, "notes": ["x", "y"]},
                       "findings": [{**finding, "severity": "warning", "line": 1}] * 3}, names, draw)
    fields["run"]["blurb_md"] = "\n\n".join(TEXTS[start:start + 25])
    fields["run_md"] = "\n\n".join(TEXTS)
    fields["manifest"]["overrides"] = {words: words for words in TEXTS[start:start + 25]}
    return RunPageInput(**fields)
