"""The rules: every reason for which a submission is refused, held or remarked on, each once. Ids never change.

A rule states what must be true; its advice is the one command that fixes a breach. `{path}` in it is the file, `{run}` the
run's folder. The checks are in the other files of this room and name their rule by id.
"""
from __future__ import annotations

from typing import NamedTuple

SEVERITIES = {
    "error": "refused: this is false, private or hostile, or cannot be read",
    "hold": "a maintainer looks at it before it is merged",
    "warning": "should be known; nothing depends on it",
    "info": "a remark",
}
RESTORE = "git checkout -- {path}"                      # what the harness wrote is never edited
RENAME = "if the folder was renamed, rename it to match {path}; if that file was edited, put it back as the harness wrote it"
MEASURE = "measure again: python harness/run_benchmark.py"             # what was measured wrong is measured again
UNEDITED = "if nobody edited this file, this is a bug of the harness: keep the run, and report it"     # measuring again would repeat it
RESUME = "python harness/run_benchmark.py --resume {run}"
DERIVE = "python harness/check_submission.py --fix {run}"
HOSTNAME = "python harness/check_submission.py --fix --hostname other {run}"
PROBE = "python harness/probe_hardware.py --out {run}"
EDIT = "edit {path}"
CONSENT = "the person who measured looks through the files, then ticks the boxes in {path}"
REMOVE = "git rm -r --force {path}"
MOVE = "git mv {run} submissions/<handle>/<device-tag>/run-<uuid>"
SPLIT = "git switch --create one-thing <base> && git checkout <this branch> -- <the paths of one thing>"
REWORD = "git rebase --interactive <base>"
TAG = ("if the tag is right, explain the difference in run.md; if it is wrong, measure again with the right --device-tag: the tag of a run "
       "is never changed")
ASK = "explain in run.md how it came about; if you do not know the cause, say so"
REPORT = "report this finding: it is a bug of the checker, and {path} was not checked"


class Rule(NamedTuple):
    id: str
    severity: str
    says: str       # what must be true
    advice: str     # the one command that fixes a breach


_ROWS = (
    # ----- the checker itself
    ("checker-failed", "error", "The checker reads every run to its end.", REPORT),
    # ----- a change and where it reaches
    ("scope-adds-only", "error", "A change under submissions/ adds runs; it changes and removes none.",
     "git checkout <base> -- {path}"),
    ("scope-one-handle", "error", "All runs of a change lie under one handle.", SPLIT),
    ("scope-mixed", "error", "A change that adds a run changes nothing outside of it.", SPLIT),
    ("scope-example-alone", "error", "A change to the EXAMPLE does nothing else.", SPLIT),
    ("scope-size", "error", "A change is small enough to be reviewed.", SPLIT),
    ("scope-mode", "error", "Files of a run are not executable (mode 100644).", "git update-index --chmod=-x {path}"),
    ("scope-symlink", "error", "Everything under submissions/ is a plain file and no link.", REMOVE),
    ("scope-submodule", "error", "Nothing under submissions/ is a repository of its own.", REMOVE),
    ("scope-git-file", "error", "No file under submissions/ steers Git or a forge.", REMOVE),
    ("scope-agent-file", "error", "No file under submissions/ configures an agent or an editor.", REMOVE),
    # ----- names and places
    ("name-layout", "error", "The tree holds <handle>/<device-tag>/run-<uuid>/ and README.md, nothing else.", MOVE),
    ("name-handle", "error", "The first folder is a handle that names its owner.", MOVE),
    ("name-device-tag", "error", "The second folder is a device tag that names one machine.", MOVE),
    ("name-run-id", "error", "The third folder is run- and a random UUID.", MOVE),
    ("name-file-missing", "error", "A run has five files.", DERIVE),
    ("name-file-extra", "error", "A run has five files and no others.", REMOVE),
    ("name-collision", "error", "No two names are the same to a system that ignores case or composes letters.", REMOVE),
    ("name-twice", "error", "A run is in the tree once.", REMOVE),
    ("name-removed", "hold", "A run that was removed does not come back unless its owner wants that.", "ask in the pull request whether the run may come back"),
    ("name-mismatch", "error", "Handle, device tag and run id are the same in the folders and in every record.", RENAME),
    ("name-synthetic", "error", "A run that measured no machine is marked as synthetic in each file; only the EXAMPLE is synthetic.",
     MEASURE),
    # ----- bytes
    ("bytes-size", "error", "A file is no larger than its limit.", MEASURE),
    ("bytes-lfs", "error", "A file is its content, not a pointer to a large-file store.",
     "git lfs untrack {path} && git add --renormalize {path}"),
    ("bytes-utf8", "error", "Text is UTF-8.", EDIT),
    ("bytes-ascii", "error", "The four JSON files are ASCII, as the harness writes them.", RESTORE),
    ("bytes-mark", "error", "Text has no byte-order mark.", EDIT),
    ("bytes-control", "error", "Text has no control characters but the line feed and, in run.md, the tab.", EDIT),
    ("bytes-direction", "error", "Text has no characters that turn its direction: what is read must be what is there.", EDIT),
    ("bytes-invisible", "error", "Text has no characters without width.", EDIT),
    # ----- JSON
    ("json-strict", "error", "JSON means one thing only: no key twice, no NaN, no number beyond 64 bits, no deep nesting.",
     RESTORE),
    ("json-version", "error", "The file is of a format that this checker knows.", "git pull"),
    ("json-fields", "error", "A record has the fields of its format, each of its kind, and no others.", RESTORE),
    ("json-facts", "error", "Each value of hardware.json says how it was found, and each unknown value says why.", PROBE),
    ("hardware-parts", "error", "The parts of hardware.json are there where the machine was probed, and only there.", PROBE),
    ("json-canonical", "error", "JSON is byte for byte as the harness writes it.", RESTORE),
    # ----- the ledger
    ("ledger-torn", "error", "The last line is whole.", RESUME),
    ("ledger-order", "error", "A ledger is one meta line, then call and skipped lines, then one footer.", RESTORE),
    ("ledger-seq", "error", "Lines are numbered from 0 without a gap.", RESTORE),
    ("ledger-chain", "error", "Each line holds the hash of the line before it.", RESTORE),
    ("ledger-unfinished", "error", "The run is finished: its last line is a footer that says so.", RESUME),
    ("ledger-footer", "error", "The footer counts what is there; planned calls are done or skipped.", RESTORE),
    ("ledger-plan", "error", "Each planned call has one record, and no other call was measured.", RESTORE),
    ("ledger-sessions", "error", "Each session is introduced once, in order, and the footer lists them all.", RESTORE),
    ("ledger-overlap", "error", "Calls that run alone do not overlap.", MEASURE),
    ("ledger-wave", "error", "The calls of a wave are adjacent, in slot order, and overlap in time.", MEASURE),
    ("ledger-stamps", "error", "The stamps of a call are in chronological order.", MEASURE),
    ("ledger-chunks", "error", "Chunks, text and their stamps agree.", MEASURE),
    ("ledger-gaps", "error", "The gaps between chunks add up to the time from first to last text.", MEASURE),
    ("ledger-tokens", "error", "Tokens are enough for the chunks and the text they are said to make.", MEASURE),
    ("ledger-limit", "error", "No answer is longer than its limits, and one that ended by a limit had reached it.", MEASURE),
    ("ledger-server-time", "error", "What the server counts fits into the time that the client saw.", MEASURE),
    ("ledger-outcome", "error", "An outcome is what its own evidence shows.", MEASURE),
    ("ledger-role", "error", "Warm-up, calibration and measured calls are each what they are called.", MEASURE),
    ("ledger-finding", "error", "What calibration found is what its call shows.", MEASURE),
    ("ledger-grades", "error", "Verdicts on code belong to answers of the Python tasks.", MEASURE),
    # ----- the protocol
    ("protocol-suite", "error", "Every suite is one that this repository knows by its hash.", "git pull"),
    ("protocol-plan", "error", "The plan is what models, suites and settings give.", MEASURE),
    ("protocol-prompt", "error", "Each measured prompt is the suite's own text.", MEASURE),
    ("protocol-nonce", "error", "Each prompt begins with a nonce of its own.", MEASURE),
    ("protocol-options", "error", "Each call was sent with the options and request fields of the manifest.", MEASURE),
    ("protocol-settings", "error", "Settings are within what the driver takes.", MEASURE),
    ("protocol-overrides", "error", "Every difference from the canonical settings is declared, and nothing else.", MEASURE),
    ("protocol-local", "error", "Models are local, and the server is local or declared to be elsewhere.", MEASURE),
    ("protocol-models", "error", "Calls are of the manifest's models, each named and described once.", MEASURE),
    ("protocol-warm-up", "error", "Before a measured call its model was warmed in the same session and context.", MEASURE),
    ("protocol-load", "error", "Before a measured call its model was loaded in the same session.", MEASURE),
    ("protocol-calibration", "error", "Before its measured calls each model was asked every question of calibration.", MEASURE),
    ("protocol-order", "error", "Calls were made in the order of the plan.", MEASURE),
    ("protocol-skip", "error", "A call was skipped for a reason that the ledger supports.", MEASURE),
    ("protocol-time-limit", "hold", "Calls are skipped for the time limit when it is near.", ASK),
    ("protocol-nothing", "hold", "At least one call was measured.", MEASURE),
    ("protocol-conditions", "error", "Where the server is local, each call has the state of the machine.", MEASURE),
    ("protocol-placement", "hold", "For most calls the server says where the model was loaded.", ASK),
    ("protocol-commit", "error", "The harness is named by the full hashes of its commit and its sources.", MEASURE),
    ("protocol-unknown-commit", "warning", "The harness's commit is in the history of this repository.", ASK),
    ("protocol-forwarded", "warning", "The server itself listens on its port; a forwarder may pass requests on to another machine.", ASK),
    ("protocol-model-name", "hold", "A model has a name that Ollama gives, in ASCII.", "ollama cp <name> <a plain name>"),
    ("protocol-harness", "warning", "The harness was an unmodified commit; otherwise the grade says so.", MEASURE),
    ("protocol-anchor", "warning", "The frozen prompts were run first and last: without them drift is unknown.",
     MEASURE),
    # ----- derived files
    ("sum-metadata", "error", "What metadata.json says is what the ledger gives.", DERIVE),
    ("sum-run-md", "error", "The generated block of run.md is what metadata.json gives.", DERIVE),
    # ----- plausibility: never an error
    ("physics-decode", "hold", "No model decodes faster than its weights can be read from memory.", ASK),
    ("physics-prefill", "hold", "No prompt is read faster than the weights can be read once for each batch.", ASK),
    ("physics-placement", "hold", "Models fit into the memory that hardware.json reports.", ASK),
    ("physics-clocks", "hold", "The server's counters and the client's stamps agree.", ASK),
    ("physics-tokens", "hold", "Tokens are as many as the bytes of their text suggest.", ASK),
    ("physics-context", "hold", "No model is run with a longer context than it was trained for.", ASK),
    ("physics-size", "hold", "A model's file can hold its parameters, with the bits that its quantization is named after.", ASK),
    ("physics-tag", "hold", "The machine has the card, the processor and the memory that its device tag names.", TAG),
    ("physics-source", "hold", "The harness's sources are those of its commit.", ASK),
    ("physics-digest", "hold", "One digest has one size, quantization, family and format in the whole tree.", ASK),
    ("physics-too-clean", "hold", "Times that were measured differ from each other.", ASK),
    ("physics-spread", "hold", "The same prompt takes about the same time each time.", ASK),
    ("physics-duplicate", "hold", "No call has the timing of another call.", ASK),
    ("physics-conditions", "hold", "The state of the machine after each call is one that this machine can have.", ASK),
    ("physics-date", "hold", "A run is younger than the harness and older than now.", ASK),
    ("physics-clock", "hold", "The time of day agrees with the clock that measured.", ASK),
    # ----- privacy
    ("privacy-path", "error", "No path that names a user or a place on their machine.", MEASURE),
    ("privacy-address", "error", "No network address but loopback and documentation ones.", MEASURE),
    ("privacy-hardware-address", "error", "No hardware address.", MEASURE),
    ("privacy-e-mail", "error", "No e-mail address.", MEASURE),
    ("privacy-host", "error", "No name of a host in a local network.", HOSTNAME),
    ("privacy-token", "error", "No key or token.", MEASURE),
    ("privacy-key", "error", "No private key.", MEASURE),
    ("privacy-credentials", "error", "No name and password in an address.", MEASURE),
    ("privacy-serial", "error", "No serial number or other id of one machine.", MEASURE),
    ("privacy-phone", "error", "No phone number.", MEASURE),
    ("privacy-host-name", "warning", "The host name does not name its owner.", HOSTNAME),
    ("privacy-answer", "warning", "What a model wrote looks like none of these either.", ASK),
    ("privacy-answer-key", "hold", "No model wrote what looks like a mail address, a key or a password.", ASK),
    ("privacy-author", "warning", "A commit's address becomes public for ever; a no-reply address reveals nothing.", REWORD),
    # ----- run.md
    ("runmd-block", "error", "Each of the two marks around the generated block is there once.", DERIVE),
    ("runmd-attestation", "error", "Every box of the attestation is ticked by the person who measured.", CONSENT),
    ("runmd-section", "error", "Every section is filled in the contributor's own words.", EDIT),
    ("runmd-html", "error", "No raw HTML.", EDIT),
    ("runmd-image", "error", "No images.", EDIT),
    ("runmd-markup", "error", "A contributor's sections hold paragraphs, lists, emphasis, inline code and links, below the generated block.", EDIT),
    ("runmd-link", "error", "Links go to https:// or http:// addresses only.", EDIT),
    ("runmd-agent", "warning", "Text speaks to people, not to a reviewer's agent.", EDIT),
)
# What brings a missing file back depends on the file.
MISSING = {"manifest.json": RESTORE, "run.jsonl": RESTORE, "hardware.json": PROBE}
# A harness writes no such ledger, whatever the server and the machine do.
CHANGED_LEDGER_RULES = ("ledger-order", "ledger-seq", "ledger-chain", "ledger-footer", "ledger-plan", "ledger-sessions", "ledger-overlap",
                        "ledger-stamps", "ledger-chunks", "ledger-gaps", "ledger-outcome", "ledger-role", "ledger-finding", "ledger-grades")
CONTRIBUTOR_RULES = ("runmd-section", "runmd-attestation")     # what only the contributor can fill in
RULES = {row[0]: Rule(*row) for row in _ROWS}
