"""The offer: what one submission would make public, byte for byte, and the words around it."""
from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import shlex
import stat
from dataclasses import dataclass

from base import console, files, names, run_folder, sensitive
from base.errors import FOUND, UserError, printable

# Each file with what makes it, should it be missing.
FILES = {
    "hardware.json": "run `python harness/probe_hardware.py --out {run}` on that machine",
    "manifest.json": "name the folder of a run",
    "metadata.json": "run `python harness/summarize_run.py {run}`",
    "run.jsonl": "name the folder of a run",
    "run.md": "run `python harness/summarize_run.py {run}`, and fill in what it asks",
}
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_TITLE = 120
PERSON = re.compile(r"[^<>]+\Z")
ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+\Z")
PUBLIC_HOST = re.compile(r"(?:[a-z0-9-]+[.])+[a-z]{2,}\Z")


@dataclass(frozen=True)
class Submission:
    """One run as it would stand in the repository. `contents` are the bytes of the five files by their names."""
    handle: str
    device_tag: str
    run_id: str
    contents: dict
    author: str = ""
    address: str = ""
    title: str = ""

    @property
    def branch(self) -> str:
        return f"run-{self.run_id}"

    @property
    def folder(self) -> str:
        return f"submissions/{self.handle}/{self.device_tag}/run-{self.run_id}"

    @property
    def paths(self) -> dict:
        """path in the repository: bytes."""
        return {f"{self.folder}/{name}": data for name, data in sorted(self.contents.items())}

    @property
    def text(self) -> str:
        """The request's own words: one line, since a push can carry no more."""
        return (f"One run of {self.handle} on {self.device_tag}: five files under {self.folder}, nothing else is changed. "
                "check_submission.py found no error in it before it was sent; the attestation stands in run.md.")

    @property
    def message(self) -> str:
        return f"{self.title}\n\n{self.folder}\n"


def read(folder: pathlib.Path) -> dict:
    """The bytes of the five files by name; raises UserError for one that is missing or no plain file."""
    contents = {}
    for name, advice in FILES.items():
        path = folder / name
        now = advice.format(run=shlex.quote(str(folder)))
        try:
            kind = os.lstat(path)
        except OSError:
            raise UserError("not there", str(path), now, FOUND) from None
        if not stat.S_ISREG(kind.st_mode):
            raise UserError("not a plain file", str(path), "put the run's own file there", FOUND)
        if kind.st_size > MAX_FILE_BYTES:
            raise UserError("too large for a file of a run", str(path), "this is no run of ours", FOUND)
        with files.mendable(path):
            contents[name] = path.read_bytes()
    return contents


def manifest_of(contents: dict, folder: pathlib.Path) -> dict:
    """The manifest of a run that can be submitted at all; raises UserError for a synthetic or unfinished one."""
    found = run_folder.parse_record(contents[run_folder.MANIFEST], folder / run_folder.MANIFEST, "manifest")
    last = contents[run_folder.LEDGER].rstrip(b"\n").rpartition(b"\n")[2]
    footer = run_folder.parse_json(last, folder / run_folder.LEDGER)
    if not isinstance(footer, dict):
        raise UserError("the last line is not an object", str(folder / run_folder.LEDGER), "put the run's own file back", FOUND)
    if found["synthetic"]:
        raise UserError("synthetic: no machine was measured", str(folder), "measure one with run_benchmark.py", FOUND)
    if footer.get("type") != "footer" or footer.get("complete") is not True:
        raise UserError("this run is not complete", str(folder),
                        f"go on with `python harness/run_benchmark.py --resume {shlex.quote(str(folder))}`", FOUND)
    problem = names.run_id_problem(found["run_id"])
    if problem or folder.name != f"run-{found['run_id']}":
        raise UserError(problem or f"the manifest is of run-{found['run_id']}, the folder is not", str(folder),
                        "give the folder its own name back", FOUND)
    return found


def owner_of(folder: pathlib.Path, submissions: pathlib.Path, manifest: dict, wanted: tuple) -> tuple:
    """(handle, device tag): from where the run lies, what its manifest says and the flags, which must agree.

    Raises UserError with the command that mends it where nothing says whose run this is.
    """
    lies, found = _place_under(folder, submissions), []
    for flag, place, told, flagged, problem_of in (
            ("--handle", lies[0], manifest["handle"], wanted[0], names.handle_problem),
            ("--device-tag", lies[1], manifest["device_tag"], wanted[1], names.device_tag_problem)):
        said = {value for value in (place, told, flagged) if value not in (None, names.UNNAMED)}
        if len(said) > 1:
            raise UserError(f"folder, manifest and {flag} do not agree: {', '.join(sorted(said))}", str(folder),
                            f"leave {flag} out, or put the run where it was measured for", FOUND)
        found.append(said.pop() if said else None)
        problem = problem_of(found[-1]) if found[-1] is not None else None
        if problem:
            raise UserError(problem, f"{flag} {found[-1]}", "", FOUND)
    if None in found:
        command = (f"submit_run.py {shlex.quote(str(folder))} --handle {found[0] or 'your-handle'} "
                   f"--device-tag {found[1] or 'your-device'}")
        raise UserError("nothing says under which handle and device tag this run goes", str(folder),
                        f"say it: `python harness/{command}`")
    return tuple(found)


def _place_under(folder: pathlib.Path, submissions: pathlib.Path) -> tuple:
    try:
        parts = folder.relative_to(submissions).parts
    except ValueError:
        return None, None
    return parts[:2] if len(parts) == 3 else (None, None)


def title_of(handle: str, device_tag: str, run_id: str) -> str:
    return f"submissions: {handle}/{device_tag}/run-{run_id[:8]}"


def as_git_writes(text: str) -> str:
    """A name without the marks that git takes off its ends."""
    return text.strip(" .,:;<>\"\\'\t")


def check_words(author: str, address: str, title: str) -> None:
    """Raises UserError for a name, address or title that git or a forge would change or refuse."""
    if len(author) > 100 or not author.isprintable() or not PERSON.match(author):
        raise UserError("git takes no such name", f"--author-name {printable(author)[:60]}", "give one without < and >")
    if len(address) > 200 or not address.isprintable() or not ADDRESS.match(address):
        raise UserError("git takes no such address", f"--author-email {printable(address)[:60]}", "write it like name@host")
    if not title.strip() or len(title) > MAX_TITLE or not title.isprintable():
        raise UserError(f"a title is one line of at most {MAX_TITLE} characters", "--title", "shorten it")


def is_private(address: str) -> bool:
    """Whether this is somebody's mailbox, which a commit would show for ever."""
    return any(kind.id == "e-mail" for kind, _ in sensitive.find(address))


def hidden_address(handle: str, host: str) -> str:
    """The form that forges use for people who keep their address to themselves. A host that only its network knows is left out."""
    is_public = PUBLIC_HOST.match(host) and not any(sensitive.find(host))
    return f"{handle}@noreply.{host if is_public else 'invalid'}"


def code_of(offer: Submission, routes: list) -> str:
    """A short word for exactly this offer on these routes: whoever has read the one can name the other."""
    said = [offer.author, offer.address, offer.title, offer.text, routes]
    said += [[path, hashlib.sha256(data).hexdigest()] for path, data in offer.paths.items()]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode("ascii")).hexdigest()[:12]


def format_offer(offer: Submission, target: str, routes: list) -> str:
    """Everything that will be public, for the person who decides."""
    sizes = {name: console.format_bytes(len(data)) for name, data in sorted(offer.contents.items())}
    width = max(map(len, sizes.values()))
    lines = ["What will be public, for good, under CC-BY-4.0:", "", f"  {offer.folder}/"]
    lines += [f"    {size.rjust(width)}  {name}" for name, size in sizes.items()]
    lines += ["", f"  handle      {offer.handle}", f"  device tag  {offer.device_tag}",
              f"  author      {offer.author} <{offer.address}>", f"  to          {target}",
              f"  branch      {offer.branch}", f"  title       {offer.title}", f"  text        {offer.text}", "",
              "How, by the first way that works:"]
    return "\n".join(lines + [f"  {number}. {route}" for number, route in enumerate(routes, 1)])
