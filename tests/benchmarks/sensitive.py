"""What base/sensitive.py misses, and what it takes for private in harmless technical texts.

    python tests/benchmarks/sensitive.py [harmless texts, default 1000]

Secrets are made at run time from their published formats. Harmless texts are paragraphs of the documentation that is
installed beside this Python (docstrings, READMEs, manual pages); nothing of either is kept. Texts with a mail address or
a home folder, and folders of examples, which hold identifiers and keys, are not harmless and are left out. Aims: no miss, and false alarms in at most 1 % of the texts.
"""
from __future__ import annotations

import collections
import gzip
import pathlib
import random
import re
import string
import sys
import sysconfig
from typing import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support      # noqa: F401,E402  puts the harness on the path

from base import sensitive      # noqa: E402

HEX, DIGITS, LOWER, UPPER = "0123456789abcdef", string.digits, string.ascii_lowercase + string.digits, string.ascii_uppercase + string.digits
ALPHANUMERIC = string.ascii_letters + string.digits
BASE64 = ALPHANUMERIC + "+/"
# {alphabet letter:length} is replaced by so many random characters of it.
MOST_FILES = 60         # of one package
ALPHABETS = {"h": HEX, "d": DIGITS, "l": LOWER, "U": UPPER, "a": ALPHANUMERIC, "b": BASE64}
FORMATS = """
ghp_{a:36}|gho_{a:36}|ghu_{a:36}|ghs_{a:36}|ghr_{a:36}|github_pat_{a:22}_{a:59}|glpat-{a:20}|gldt-{a:20}|glrt-{a:20}|glptt-{h:40}|glcbt-{a:2}_{a:20}
sk-ant-api03-{a:93}AA|sk-proj-{a:48}|sk-{a:20}T3BlbkFJ{a:20}|hf_{a:34}|api_org_{a:34}|gsk_{a:52}|pplx-{a:48}|xai-{a:80}|r8_{a:37}|nvapi-{a:64}|tgp_v1_{a:43}
AKIA{U:16}|ASIA{U:16}|ABIA{U:16}|AIza{a:35}|ya29.{a:60}|GOCSPX-{a:28}|npm_{a:36}|pypi-AgEIcHlwaS5vcmc{a:60}|rubygems_{h:48}|dckr_pat_{a:27}
xoxb-{d:12}-{d:12}-{a:24}|xoxp-{d:12}-{d:12}-{d:12}-{h:32}|xapp-1-A{U:10}-{d:13}-{h:64}|https://hooks.slack.com/services/T{U:8}/B{U:8}/{a:24}
SG.{a:22}.{a:43}|sk_live_{a:24}|rk_live_{a:24}|pk_test_{a:24}|whsec_{a:32}|shpat_{h:32}|shpss_{h:32}|sq0atp-{a:22}|sq0csp-{a:43}
glsa_{a:32}_{h:8}|glc_{a:60}|dop_v1_{h:64}|dor_v1_{h:64}|ATATT3{a:60}|dapi{h:32}|dp.pt.{a:43}|dt0c01.{U:24}.{U:64}|{a:14}.atlasv1.{a:64}|hvs.{a:90}|HRKU-AA{a:58}
lin_api_{a:40}|{h:32}-us12|key-{h:32}|ntn_{d:11}{a:35}|sha256~{a:43}|pscale_tkn_{a:43}|PMAK-{h:24}-{h:34}|pul-{h:40}|rdme_{l:70}|xkeysib-{h:64}-{a:16}
sntrys_eyJ{a:60}|sntryu_{h:64}|sgp_{h:40}|tfp_{a:59}|AGE-SECRET-KEY-1{U:58}|eyJhbGciOiJI{a:20}.eyJzdWIi{a:30}.{a:43}|tskey-auth-{a:12}-{a:32}|NRAK-{U:27}
{d:9}:AA{a:33}|https://discord.com/api/webhooks/{d:18}/{a:68}|AccountKey={b:86}==|?sv=2024&sig={a:43}%3D|PrivateKey = {b:43}=|PresharedKey = {b:43}=
GITEA_TOKEN={h:40}|WANDB_API_KEY={h:40}|aws_secret_access_key={b:40}|https://host/?access_token={h:32}|api_key: "{a:32}"|"password": "{a:16}"|client_secret={a:40}
export OPENAI_API_KEY='{a:40}'|Authorization: Bearer {a:40}|Authorization: Basic {b:40}=|X-Auth-Token: {h:32}|REPLICATE_API_TOKEN={a:40}|DB_PASSWORD={a:20}
-----BEGIN OPENSSH PRIVATE KEY-----|-----BEGIN EC PRIVATE KEY-----|ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{b:40}|ssh-rsa AAAAB3NzaC1yc2{b:60}|ecdsa-sha2-nistp256 AAAAE2VjZHNh{b:60}
postgres://ana:{a:12}@db/x|https://ana:{a:12}@git.host/x|me@laptop:~$ ls|ana@my-pc:~/models$ ls|http://my-nas:11434|DESKTOP-4F7A2K1|LAPTOP-{U:8}|ws1.corp.contoso.com
anas-mac.local|nas.fritz.box|192.168.1.{d:2}|10.0.0.7|100.64.3.2|fe80::1ff:fe23:4567:890a|ana@mail.org|\u0430\u043d\u0430@\u043f\u043e\u0448\u0442\u0430.\u0440\u0444|ana\uff20mail.org|ana&#64;mail.org
/home/ana/x|/Users/Ana/x|C:\\Users\\ana|D:\\me|/mnt/my-nas|/Volumes/Me|\\\\nas server\\x|\\\\nas\\share|//nas/me|OneDrive - Company|~ana/models|/media/ana/disk/
3c:22:fb:01:02:03|3C-22-FB-01-02-03|3c_22_fb_01_02_03|3C22FB010203|S/N C02XK0AAJG5J|Serial Number: C02XK0AAJG5J|machine-id {h:32}|GPU-{h:8}-{h:4}-{h:4}-{h:4}-{h:12}|GPU-{h:32}
+49 171 2345678|+381 64 123 4567|+33 1 70 18 99 00|(212) 736-5000|+14155552671
"""


def secrets(chance: random.Random) -> Iterator[str]:
    for line in FORMATS.strip().split("\n"):
        for text in line.split("|"):
            yield re.sub(r"\{(\w):(\d+)\}", lambda match: "".join(chance.choices(ALPHABETS[match.group(1)], k=int(match.group(2)))), text)


def harmless(count: int, chance: random.Random) -> Iterator[str]:
    """Paragraphs of installed documentation, from files in random order, few of each package."""
    folders = [pathlib.Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")] + [pathlib.Path("/usr/share/doc"), pathlib.Path("/usr/share/man/man1")]
    files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.suffix in (".py", ".rst", ".md", ".txt", ".gz")
             and not {"test", "tests", "idlelib", "examples"} & set(path.parts) and not re.search(r"(?i)author|copyright|credit|changelog|maintain", path.name)]
    chance.shuffle(files)
    packages: collections.Counter = collections.Counter()
    for path in files:
        package = next(path.relative_to(folder).parts[0] for folder in folders if folder in path.parents)
        packages[package] += 1
        if packages[package] > MOST_FILES and path.suffix == ".py" or path.name.startswith("examples-"):
            continue
        paragraphs = [part for part in _text(path).split("\n\n") if 300 <= len(part) <= 4000 and not re.search(r"@[\w-]+\.\w|/home/|/Users/|<at>", part)]
        for part in chance.sample(paragraphs, min(2, len(paragraphs))):
            if count == 0:
                return
            count -= 1
            yield part


def _text(path: pathlib.Path) -> str:
    try:
        data = path.read_bytes()[:2_000_000]
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, ValueError, EOFError):
        return ""


def main(argv: list) -> int:
    chance = random.Random(1)
    made = [text for _ in range(3) for text in secrets(chance)]
    missed = [text for text in made if next(sensitive.find(f"It said\n{text}\nand ended."), None) is None]
    print(f"secrets: {len(made)} of {len(set(FORMATS.strip().replace(chr(10), '|').split('|')))} formats, {len(missed)} missed")
    for text in missed[:20]:
        print("   missed:", ascii(text[:100]))
    alarms: collections.Counter = collections.Counter()
    texts = alarmed = 0
    for text in harmless(int(argv[0]) if argv else 1000, chance):
        texts += 1
        found = [(kind.id, part) for kind, part in sensitive.find(text)]
        alarmed += bool(found)
        alarms.update(kind for kind, _ in found)
        if found and "-v" in argv:
            print("   alarm:", ascii(found[0])[:160])
    print(f"harmless texts: {texts}, {alarmed} with a false alarm ({100 * alarmed / max(1, texts):.1f} %)" + "".join(
        f", {kind} {count}" for kind, count in alarms.most_common()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
