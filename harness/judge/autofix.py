"""Automatic fixes: what can be corrected without touching anything that was measured."""
from __future__ import annotations

import pathlib
from typing import Iterator

from base import files, json_text, run_folder, sensitive
from base.errors import UserError
from derive import derived_files
from judge import privacy, protocol, tree_layout
from judge.tree import Part

MOST_CHARACTERS = 64
NEUTRAL = "other"       # written in place of a host name that reveals too much


def host_names(where: Part, hostname: str | None) -> Iterator[str]:
    """Replace host names in the manifests of a part; a sentence for each thing done or not done. Raises UserError for no host name."""
    if hostname is not None and not (hostname.isprintable() and 0 < len(hostname) <= MOST_CHARACTERS):
        raise UserError("not a host name", "--hostname", f"give up to {MOST_CHARACTERS} characters that can be printed")
    for path in tree_layout.runs_in(tree_layout.on_disk(where.folder, where.path)):
        folder = where.top.joinpath(*path.split("/")[1:])
        try:
            manifest = run_folder.read_manifest(folder)
            name = hostname if hostname is not None else host_name_for(manifest["host_hostname_short"])
            if name != manifest["host_hostname_short"]:
                files.replace(folder / run_folder.MANIFEST, json_text.pretty({**manifest, "host_hostname_short": name}))
                yield f"{folder / run_folder.MANIFEST}: the host name is now {name}"
        except UserError as problem:
            yield f"not fixed: {problem}"


def derived(folder: pathlib.Path, metadata: dict | None) -> Iterator[str]:
    """Rewrite metadata.json and run.md where they are stale; a sentence for each file, or why it was not done.

    `metadata` is what the ledger gives, as far as that is known. A manifest that cannot be read was reported before.
    """
    try:
        manifest = run_folder.read_manifest(folder)
    except UserError:
        return
    try:
        suites_loaded, wrong = protocol.load_suites(manifest)
        if wrong:
            yield f"{folder}: nothing was recomputed, since its suites are not known here"
            return
        record = metadata or derived_files.metadata(folder, manifest, run_folder.graders_of(suites_loaded))
        stale = derived_files.stale(folder, manifest, record)
        if stale:
            derived_files.save(folder, manifest, record)
        for file in stale:
            yield f"{folder / file}: rebuilt from the ledger"
    except UserError as problem:
        yield f"not fixed: {problem}"


def host_name_for(name: str) -> str:
    """The same name, or a neutral one where it reveals whose machine this is."""
    reveals = next(sensitive.find(name), None) or next(privacy.host_name(name), None)
    return NEUTRAL if reveals else name
