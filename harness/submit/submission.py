"""The submission: what becomes public byte for byte, and title, text and author around it."""
from __future__ import annotations

import hashlib
import json
import os
import pathlib
import stat
from dataclasses import dataclass
from typing import Callable

from base import files, names, run_folder, schema, sensitive, shell, text_format, text_layout
from base.errors import FOUND, UserError, printable
from base.json_text import Json
from base.pattern import lazy

# Each file with the script that makes it if it is missing; None: no script can.
FILES: dict[str, tuple[str, ...] | None] = {run_folder.HARDWARE: ("probe_hardware.py", "--out"), run_folder.MANIFEST: None, run_folder.LEDGER: None,
         run_folder.METADATA: ("summarize_run.py",), run_folder.RUN_MD: ("summarize_run.py",)}
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_TITLE = 120
PERSON = lazy(r"[^<>]+\Z")
ADDRESS = lazy(r"[^\s<>@]+@[^\s<>@]+\Z")
PUBLIC_HOST = lazy(r"(?:[a-z0-9-]+[.])+[a-z]{2,}\Z")


@dataclass(frozen=True)
class Submission:
    """One run as it would be in the repository. `contents` are the bytes of the five files by name."""
    handle: str
    device_tag: str
    run_id: str
    contents: dict[str, bytes]
    dated: int = 0              # of the commit, in seconds since 1970: when the run began, so that a second try makes the same commit
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
    def paths(self) -> dict[str, bytes]:
        """path in the repository: bytes."""
        return {f"{self.folder}/{name}": data for name, data in sorted(self.contents.items())}

    @property
    def text(self) -> str:
        """The text of the request, in one line because a push option holds no more."""
        return (f"One run by {self.handle} on {self.device_tag}: five files under {self.folder}, no other change. "
                "check_submission.py found no error before it was sent; the attestation is in run.md.")

    @property
    def message(self) -> str:
        return f"{self.title}\n\n{self.folder}\n"


def read(folder: pathlib.Path) -> dict[str, bytes]:
    """The bytes of the five files by name; raises UserError for one that is missing or is not a plain file."""
    contents = {}
    for name, script in FILES.items():
        path = folder / name
        try:
            status = os.lstat(path)
        except OSError:
            now = f"make it: {shell.command(*script, run_folder.argument(folder))}" if script else "name the folder of a run"
            raise UserError("not found", str(path), now, FOUND) from None
        if not stat.S_ISREG(status.st_mode):
            raise UserError("not a plain file", str(path), "put the run's own file there", FOUND)
        if status.st_size > MAX_FILE_BYTES:
            raise UserError("too large for a file of a run", str(path), "name the folder of a run", FOUND)
        with files.explaining_errors(path):
            contents[name] = path.read_bytes()
    return contents


def manifest_of(contents: dict[str, bytes], folder: pathlib.Path) -> dict:
    """The manifest of a run that can be submitted; raises UserError for a synthetic or unfinished one."""
    path = folder / run_folder.MANIFEST
    manifest = run_folder.checked(run_folder.parse_json(contents[run_folder.MANIFEST], path), "manifest", path)
    last = contents[run_folder.LEDGER].rstrip(b"\n").rpartition(b"\n")[2]
    footer = run_folder.parse_json(last, folder / run_folder.LEDGER)
    if not isinstance(footer, dict):
        raise UserError("the last line is not an object", str(folder / run_folder.LEDGER), "restore the run's own file", FOUND)
    if manifest["synthetic"]:
        raise UserError("a synthetic run, which measured no machine", str(folder), f"measure one: {shell.command('run_benchmark.py', '--dry-run')}", FOUND)
    if footer.get("type") != "footer" or footer.get("complete") is not True:
        raise UserError("this run is not complete", str(folder),
                        f"finish it: {shell.command('run_benchmark.py', '--resume', run_folder.argument(folder))}", FOUND)
    problem = names.run_id_problem(manifest["run_id"])
    if problem or folder.name != f"run-{manifest['run_id']}":
        raise UserError(problem or f"the manifest belongs to run-{manifest['run_id']}, the folder does not", str(folder),
                        "rename the folder to what it was", FOUND)
    return manifest


def dated(manifest: dict) -> int:
    """When the run began, in seconds since 1970."""
    return int(schema.utc_moment(manifest["started_at"]).timestamp())


def owner_of(folder: pathlib.Path, submissions: pathlib.Path, manifest: dict,
             flags: tuple[str | None, str | None]) -> tuple[str, str]:
    """(handle, device tag) from the folder, the manifest and the flags, which have to agree.

    Raises UserError with the command to run next if none of them names an owner.
    """
    in_folder = _owner_folders(folder, submissions)
    handle = _agreed(folder, "--handle", {in_folder[0], manifest["handle"], flags[0]}, names.handle_problem)
    device_tag = _agreed(folder, "--device-tag", {in_folder[1], manifest["device_tag"], flags[1]}, names.device_tag_problem)
    if handle is None or device_tag is None:
        words = ("--move", run_folder.argument(folder), "--handle", handle or names.HANDLE_WORD, "--device-tag", device_tag or names.TAG_WORD)
        raise UserError("this run has no handle and device tag yet", str(folder),
                        f"give it both: {shell.command('run_benchmark.py', *words)}")
    return handle, device_tag


def _agreed(folder: pathlib.Path, flag: str, values: set[str | None], problem_of: Callable[[str], str | None]) -> str | None:
    """The only value that is given; None: none is. Raises UserError for two, or for an invalid one."""
    given = sorted(value for value in values if value not in (None, names.UNNAMED))
    if len(given) > 1:
        raise UserError(f"folder, manifest and {flag} do not agree: {', '.join(given)}", str(folder),
                        f"leave {flag} out, or move the run back to where it was measured", FOUND)
    problem = problem_of(given[0]) if given else None
    if problem:
        raise UserError(problem, f"{flag} {given[0]}", "", FOUND)
    return given[0] if given else None


def _owner_folders(folder: pathlib.Path, submissions: pathlib.Path) -> tuple[str | None, str | None]:
    """The names of the folders for handle and device tag that the run is in; None where it is elsewhere."""
    try:
        parts = folder.relative_to(submissions).parts
    except ValueError:
        return None, None
    return (parts[0], parts[1]) if len(parts) == 3 else (None, None)


def title_of(handle: str, device_tag: str, run_id: str) -> str:
    return f"submissions: {handle}/{device_tag}/run-{run_id[:8]}"


def as_git_writes(text: str) -> str:
    """A name without the characters that git strips from its ends."""
    return text.strip(" .,:;<>\"\\'\t")


def check_words(author: str, address: str, title: str) -> None:
    """Raises UserError for a name, address or title that git or the server would change or refuse."""
    if len(author) > 100 or not author.isprintable() or not PERSON.match(author):
        raise UserError("not a name that git accepts", f"--author-name {printable(author)[:60]}", "give one without < and >")
    if len(address) > 200 or not address.isprintable() or not ADDRESS.match(address):
        raise UserError("not an address that git accepts", f"--author-email {printable(address)[:60]}", "write it like name@host")
    if not title.strip() or len(title) > MAX_TITLE or not title.isprintable():
        raise UserError(f"a title is one line of at most {MAX_TITLE} characters", "--title", "shorten it")


def is_private(address: str) -> bool:
    """Whether this is somebody's mailbox, which a commit would publish for good."""
    return any(kind.id == "e-mail" for kind, _ in sensitive.find(address))


def hidden_address(handle: str, host: str) -> str:
    """The address that servers use for people who keep theirs private. A host name of a local network is left out."""
    is_public = PUBLIC_HOST.match(host) and not any(sensitive.find(host))
    return f"{handle}@noreply.{host if is_public else 'invalid'}"


def code_of(submission: Submission, destination: list[str]) -> str:
    """A short code for exactly this submission and destination, which only a reader of the list knows."""
    parts: list[Json] = [submission.author, submission.address, submission.title, submission.text, destination]
    parts += [[path, hashlib.sha256(data).hexdigest()] for path, data in submission.paths.items()]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode("ascii")).hexdigest()[:12]


def format_submission(submission: Submission, target: str, methods: list[str]) -> str:
    """Everything that would become public, for the person who decides."""
    sizes = {name: text_format.format_bytes(len(data)) for name, data in sorted(submission.contents.items())}
    width = max(map(len, sizes.values()))
    host = json.loads(submission.contents[run_folder.MANIFEST]).get("host_hostname_short")
    lines = ["What becomes public, for good, under CC-BY-4.0:", "", f"  {submission.folder}/"]
    lines += [f"    {size.rjust(width)}  {name}" for name, size in sizes.items()]
    facts = {"handle": submission.handle, "device tag": submission.device_tag, "host name": f"{host} (in manifest.json)",
             "author": f"{submission.author} <{submission.address}>", "to": target, "branch": submission.branch,
             "title": submission.title, "text": submission.text}
    lines += [""] + [line for name, value in facts.items() for line in text_layout.hanging(f"  {name:<10}  ", value)]
    lines += ["", "How, by the first method that works:" if len(methods) > 1 else "How:"]
    return "\n".join(lines + [line for number, method in enumerate(methods, 1)
                              for line in text_layout.hanging(f"  {number}. ", method)])
