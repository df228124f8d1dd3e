"""A scripted Gitea: a small server with bare repositories, the few API calls that a submission needs, and git over HTTP,
with or without AGit. Its answers follow those of a real server. It logs every request."""
from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import support

TOKEN = "t0ken0123456789abcdef0123456789abcdef012"
LOGIN = "ana"

HAS_GIT = shutil.which("git") is not None
CAPABILITIES: dict[tuple[str, bytes], bytes] = {}       # git's first answer in protocol 2, by service and settings of the repository


def git(folder: pathlib.Path, *words: str, data: bytes | None = None, **more: str) -> str:
    """Plain git for the tests themselves; raises where it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", "-C", str(folder), *words], input=data, capture_output=True,
                          env={**kept, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C", **more})
    if done.returncode:
        raise AssertionError(f"git {' '.join(words)}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode().strip()


def references(bare: pathlib.Path, under: str = "refs/") -> dict[str, str]:
    """{reference: commit} of a repository, sorted, from its files: git would need a process each time."""
    commits = {}
    if (bare / "packed-refs").exists():
        rows = (bare / "packed-refs").read_text(encoding="utf-8").splitlines()
        commits = {ref: commit for commit, _, ref in (row.partition(" ") for row in rows if row[0] not in "#^")}
    for folder, _, files in os.walk(bare / "refs"):
        for path in (pathlib.Path(folder) / name for name in files):
            commits[path.relative_to(bare).as_posix()] = path.read_text(encoding="utf-8").strip()
    return {ref: commit for ref, commit in sorted(commits.items()) if ref.startswith(under)}


def requests(bare: pathlib.Path) -> list[int]:
    """The numbers of a repository's pull requests."""
    return sorted(int(ref.split("/")[2]) for ref in references(bare, "refs/pull/"))


PERSON = {"GIT_AUTHOR_NAME": "Maintainer", "GIT_AUTHOR_EMAIL": "m@example.org", "GIT_COMMITTER_NAME": "Maintainer",
          "GIT_COMMITTER_EMAIL": "m@example.org"}


def new_bare(folder: pathlib.Path, files: dict, branch: str = "main") -> pathlib.Path:
    """A bare repository with one commit of these files: text by path."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--bare", "-b", branch, "--template=")
    without_upkeep(folder / "config")
    stream = [f"commit refs/heads/{branch}\ncommitter Maintainer <m@example.org> 1700000000 +0000\ndata 5\nfirst".encode()]
    for path, text in files.items():
        stream.append(b"M 100644 inline %s\ndata %d\n%s" % (path.encode(), len(text.encode()), text.encode()))
    git(folder, "fast-import", "--quiet", data=b"\n".join(stream) + b"\n")
    return folder


def without_upkeep(config: pathlib.Path) -> None:
    """Let git look for no work of its own after each command, for which it starts another process."""
    with open(config, "a", encoding="utf-8") as settings:
        settings.write("[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[receive]\n\tautogc = false\n")


AGIT_HOOK = '''
    import json, os, sys

    def read():
        size = int(sys.stdin.buffer.read(4), 16)
        return None if size == 0 else sys.stdin.buffer.read(size - 4)

    def lines():
        while True:
            line = read()
            if line is None:
                return
            yield line.decode().strip()

    def write(text):
        data = text.encode()
        sys.stdout.buffer.write((b"%04x" % (len(data) + 4)) + data if data else b"0000")

    def is_forced(old, new):
        import subprocess
        return bool(subprocess.run(["git", "rev-list", "--max-count=1", old, "^" + new], capture_output=True).stdout)

    def answer(ref, new):
        # An open request of the same account and topic is updated; else a new one is opened.
        topic = os.environ.get("REMOTE_USER", "ana") + "/" + options["topic"]
        requests = json.load(open("agit.json")) if os.path.exists("agit.json") else {}
        closed = json.load(open("closed.json")) if os.path.exists("closed.json") else []
        number = max((n for n in map(int, requests) if requests[str(n)] == topic and n not in closed), default=None)
        if number is not None:
            head = "refs/pull/%d/head" % number
            old = open(head).read().strip() if os.path.exists(head) else ""
            if old == new:
                return "ng " + ref + " new commit is same with old commit"
            if options.get("force-push") not in ("", "true") and is_forced(old, new):
                return "ng " + ref + " request `force-push` push option"
        else:
            number = 1 + max([0] + [int(name) for name in os.listdir("refs/pull")] if os.path.isdir("refs/pull") else [0])
            requests[number] = topic
            json.dump(requests, open("agit.json", "w"))
            json.dump({**options, "topic": topic}, open("request-%d.json" % number, "w"))
        name = "refs/pull/%d/head" % number
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "w") as out:
            out.write((os.environ.get("BENCH_WRONG_HEAD") or new) + "\\n")
        write("ok " + ref + "\\n"); write("option refname " + name + "\\n")
        return "option new-oid " + new

    list(lines())
    write("version=1\\0push-options"); write(""); sys.stdout.buffer.flush()
    commands = [line.split(" ") for line in lines()]
    options = dict((line.partition("=")[0], line.partition("=")[2]) for line in lines())
    for old, new, ref in commands:
        write(answer(ref, new) + "\\n")
    write("")
'''


def teach_agit(bare: pathlib.Path) -> None:
    """Let a bare repository turn a push to refs/for/ into a pull request, as Gitea does, by git's own hook for it."""
    hook = bare / "hooks" / "proc-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!{sys.executable} -IS\n{textwrap.dedent(AGIT_HOOK)}", encoding="utf-8")
    hook.chmod(0o755)
    git(bare, "config", "receive.procReceiveRefs", "refs/for")
    git(bare, "config", "receive.advertisePushOptions", "true")


class Gitea:
    """Repositories under `folder`/<owner>/<name>.git. `answers` replaces an API call by status and body, or a function.

    Keys of `answers` are `METHOD /path` under /api/v1, or `git /path` for git's own calls.
    """

    # Names that the default settings of Gitea and Forgejo let somebody attach to an issue, as far as tests ask.
    ATTACHMENTS = (".csv", ".gz", ".json", ".log", ".md", ".patch", ".pdf", ".png", ".tgz", ".txt", ".zip")

    def __init__(self, folder: pathlib.Path):
        self.folder, self.answers, self.log, self.parents, self.pulls = folder, {}, [], {}, {}
        self.account = LOGIN        # as which git logs in
        self.private_git = True     # a push asks for the token
        self.renamed: dict = {}     # old full name: present one; the API redirects by number, git by name
        self.private: set = set()   # full names that only the token's account may see
        self.sign_in_required = False
        self.archived: set = set()
        self.without_requests: set = set()      # full names whose pull requests are switched off
        self.scopes = {"read:user", "write:repository"}

    def close(self, number: int, owner: str = "bench-org", name: str = "bench") -> None:
        """Close a request without merging it."""
        path = self.bare(owner, name) / "closed.json"
        path.write_text(json.dumps(self.closed(owner, name) + [number]), encoding="utf-8")

    def closed(self, owner: str, name: str) -> list:
        path = self.bare(owner, name) / "closed.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []

    def bare(self, owner: str, name: str = "bench") -> pathlib.Path:
        return self.folder / owner / f"{name}.git"

    def __call__(self, connection: object, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in rest}
        path, _, query = target.partition("?")
        self.log.append((method, target, headers, body))
        if path.startswith("/api/v1/"):
            connection.sendall(self._api(method, path[7:], headers, body, query))
        else:
            connection.sendall(self._git(path, query, headers, body))

    def _api(self, method: str, path: str, headers: dict, body: bytes, query: str) -> bytes:
        planned = self.answers.get(f"{method} {path}")
        if callable(planned):
            planned = planned(body)
        if isinstance(planned, bytes):
            return planned
        status, value = planned or self._answer(method, path, headers, body, query)
        if status == 301:
            return f"HTTP/1.1 301 Moved\r\nLocation: {value}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        return support.whole(json.dumps(value).encode(), status)

    def _answer(self, method: str, path: str, headers: dict, body: bytes, query: str) -> tuple:
        known = headers.get("authorization") == f"token {TOKEN}"
        refused = self._refused(method, path, headers, known)
        if refused:
            return refused
        if path == "/version":
            return 200, {"version": "1.22.2"}
        if path == "/user":
            return 200, {"login": LOGIN}
        numbered = re.fullmatch(r"/repositories/(\d+)", path)
        if numbered:
            return self._repository(*list(self.renamed.values())[int(numbered.group(1))].split("/"), known)
        if method == "POST" and path.endswith("/assets"):
            return self._attach(query)
        parts = re.fullmatch(r"/repos/([^/]+)/([^/]+)(?:(/pulls)(?:/(\d+))?(/files)?)?", path)
        if not parts:
            return 404, {"message": "Not Found"}
        owner, name, pulls, number, files = parts.groups()
        if f"{owner}/{name}" in self.renamed:
            where = list(self.renamed).index(f"{owner}/{name}")
            return 301, f"/api/v1/repositories/{where}"
        status, record = self._repository(owner, name, known)
        if status != 200 or not pulls:
            return status, record
        if method == "POST":
            return self._open(owner, name, json.loads(body))
        if files:
            page = int(re.search(r"page=(\d+)", query).group(1))
            return 200, self._files(owner, name, int(number))[2 * (page - 1):2 * page]      # two a page, whatever was asked
        if number:
            return (200, self._pull(owner, name, int(number))) if self._head(owner, name, int(number)) else (404, {})
        return 200, self._listed(owner, name, query)

    def _refused(self, method: str, path: str, headers: dict, known: bool) -> tuple | None:
        """What a Gitea of today answers to a bad token, to one that may too little, and to strangers."""
        if "authorization" in headers and not known:
            return 401, {"message": "invalid username, password or token", "url": "https://forge.example.org/api/swagger"}
        if self.sign_in_required and not known:
            return 403, {"message": "Only signed in user is allowed to call APIs."}
        if path == "/user" and not known:
            return 401, {"message": "token is required"}
        scope = "read:user" if path == "/user" else "write:repository" if method == "POST" else None
        if known and scope and scope not in self.scopes:
            return 403, {"message": f"token does not have at least one of required scope(s), required=[{scope}], "
                                    f"token scope={','.join(sorted(self.scopes))}"}
        return None

    def _repository(self, owner: str, name: str, known: bool) -> tuple:
        full_name = f"{owner}/{name}"
        if not self.bare(owner, name).is_dir() or full_name in self.private and not known:
            return 404, {"message": "The target couldn't be found."}
        parent = self.parents.get(full_name)
        return 200, {"full_name": full_name, "fork": parent is not None, "archived": full_name in self.archived,
                     "has_pull_requests": full_name not in self.without_requests, "parent": {"full_name": parent} if parent else None}

    def _attach(self, query: str) -> tuple:
        name = re.search(r"name=([^&]+)", query).group(1)
        allowed = name[name.rindex("."):] in self.ATTACHMENTS
        return (201, {"name": name}) if allowed else (422, {"message": "This file cannot be uploaded or modified due to a "
                                                                       "forbidden file extension or type."})

    def _listed(self, owner: str, name: str, query: str) -> list:
        """One page of the requests in a state, two a page, the newest first."""
        state, page = re.search(r"state=(\w+)", query).group(1), int(re.search(r"page=(\d+)", query).group(1))
        numbers = reversed(requests(self.bare(owner, name)))
        pulls = [self._pull(owner, name, number) for number in numbers]
        return [pull for pull in pulls if pull["state"] == state][2 * (page - 1):2 * page]

    def _open(self, owner: str, name: str, fields: dict) -> tuple:
        if f"{owner}/{name}" in self.archived:
            return 423, {"message": "Repo is archived"}
        their, _, branch = fields["head"].rpartition(":")
        if their and self.parents.get(f"{their}/{name}") != f"{owner}/{name}":      # also for a fork of a fork
            return 404, {"message": "GetForkedRepo"}
        number = 1 + max([0, *requests(self.bare(owner, name))])
        self.pulls[number] = {**fields, "owner": their or owner}
        self._follow(owner, name, number)
        return 201, self._pull(owner, name, number)

    def _follow(self, owner: str, name: str, number: int) -> None:
        """The head of an open request follows the branch in the fork."""
        fields = self.pulls.get(number)
        if not fields or number in self.closed(owner, name):
            return
        bare, fork, branch = self.bare(owner, name), self.bare(fields["owner"], name), "refs/heads/" + fields["head"].rpartition(":")[2]
        commit = references(fork).get(branch)
        if commit and commit != references(bare).get(f"refs/pull/{number}/head"):
            git(bare, "fetch", "-q", str(fork), f"+{branch}:refs/pull/{number}/head")

    def _head(self, owner: str, name: str, number: int) -> str:
        self._follow(owner, name, number)
        return references(self.bare(owner, name)).get(f"refs/pull/{number}/head", "")

    def _pull(self, owner: str, name: str, number: int) -> dict:
        fields = self.pulls.get(number)
        agit = self.bare(owner, name) / f"request-{number}.json"
        options = json.loads(agit.read_text(encoding="utf-8")) if agit.exists() and not fields else {}
        head = {"label": fields["head"].rpartition(":")[2], "ref": fields["head"].rpartition(":")[2],
                "repo": {"full_name": f"{fields['owner']}/{name}"}} if fields else {
            "label": "", "ref": f"refs/pull/{number}/head", "repo": {"full_name": f"{owner}/{name}"}}
        return {"number": number, "state": "closed" if number in self.closed(owner, name) else "open", "merged": False,
                "title": (fields or options).get("title"), "body": fields["body"] if fields else options.get("description"),
                "user": {"login": options.get("topic", LOGIN).partition("/")[0]},
                "base": {"ref": "main", "repo": {"full_name": f"{owner}/{name}"}},
                "head": {**head, "sha": self._head(owner, name, number)}}

    def _files(self, owner: str, name: str, number: int) -> list:
        said = git(self.bare(owner, name), "diff", "--name-status", "--no-renames", f"main...refs/pull/{number}/head")
        kinds = {"A": "added", "M": "changed", "D": "deleted"}
        return [{"filename": path, "status": kinds[kind]} for kind, path in (line.split("\t") for line in said.split("\n"))]

    def _git(self, path: str, query: str, headers: dict, body: bytes) -> bytes:
        """git's smart protocol over HTTP: one process of git for a request, as Gitea starts it."""
        planned = self.answers.get(f"git {path}")
        if planned:
            return planned
        full_name, _, rest = path.strip("/").partition(".git")
        if full_name in self.renamed:
            return (f"HTTP/1.1 301 Moved\r\nLocation: /{self.renamed[full_name]}.git{rest}?{query}\r\nContent-Length: 0\r\n"
                    "Connection: close\r\n\r\n").encode()
        wanted = "Basic " + base64.b64encode(f"token:{TOKEN}".encode()).decode()
        pushes = "receive-pack" in path + query
        asks = self.sign_in_required or full_name in self.private
        if (asks or pushes and self.private_git) and headers.get("authorization") != wanted:
            return (b"HTTP/1.1 401 Said\r\nWWW-Authenticate: Basic realm=\"Gitea\"\r\nContent-Length: 0\r\n"
                    b"Connection: close\r\n\r\n")
        if pushes and headers.get("authorization") == wanted and "write:repository" not in self.scopes:
            return b"HTTP/1.1 403 Said\r\nContent-Type: text/plain\r\nContent-Length: 10\r\nConnection: close\r\n\r\nForbidden\n"
        bare, protocol = self.folder / f"{full_name}.git", headers.get("git-protocol", "")
        if not bare.is_dir():
            return support.whole(b"Not Found", 404, "text/plain")
        service = query.partition("service=")[2] if rest == "/info/refs" else rest.strip("/")
        if rest == "/info/refs":
            return support.whole(self._advertised(bare, service, protocol), 200, f"application/x-{service}-advertisement")
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return support.whole(self._serve(bare, service, protocol, body), 200, f"application/x-{service}-result")

    def _advertised(self, bare: pathlib.Path, service: str, protocol: str) -> bytes:
        """What git says first; in protocol 2 that is only what it can do, which depends on the settings of the repository alone."""
        if protocol != "version=2":
            title = f"# service={service}\n".encode()
            return b"%04x%s0000" % (len(title) + 4, title) + self._serve(bare, service, protocol, b"", "--advertise-refs")
        key = service, (bare / "config").read_bytes()
        if key not in CAPABILITIES:
            CAPABILITIES[key] = self._serve(bare, service, protocol, b"", "--advertise-refs")
        return CAPABILITIES[key]

    def _serve(self, bare: pathlib.Path, service: str, protocol: str, body: bytes, *flags: str) -> bytes:
        return subprocess.run(["git", service.replace("git-", "", 1), "--stateless-rpc", *flags, str(bare)], input=body, capture_output=True,
                              env={**os.environ, "GIT_PROTOCOL": protocol, "REMOTE_USER": self.account}).stdout


@contextlib.contextmanager
def gitea(folder: pathlib.Path):
    """(server, address) of a scripted Gitea that ends with the block."""
    server = Gitea(folder)
    with support.listener(server) as here:
        yield server, here.url
