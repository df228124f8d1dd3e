"""Names: handles, device tags, run ids, models and cells; which are allowed, and which spellings are equivalent."""
from __future__ import annotations

import functools
import re

from base.pattern import lazy

HANDLE = lazy(r"[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?\Z")
DEVICE_TAG = lazy(r"[a-z0-9][a-z0-9-]{1,46}[a-z0-9]\Z")
RESERVED_HANDLES = ("example", "unnamed")
HANDLE_WORD, TAG_WORD = "HANDLE", "TAG"     # in a command, what a person has to replace; both are refused
UNNAMED = "unnamed"         # the folder of runs without a handle; they are moved before they are submitted
NIL_RUN_ID = "00000000-0000-0000-0000-000000000000"
_RUN_ID = lazy(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
# Windows refuses these as folder names, whatever the case or extension; a clone there would fail.
WINDOWS_DEVICES = frozenset(["con", "prn", "aux", "nul"] + [f"{port}{n}" for port in ("com", "lpt") for n in range(10)])
# Words that do not identify a machine: a maker or a kind of machine alone is not a chip.
PLACEHOLDER_WORDS = frozenset(
    "unknown none null n a na test tests testing my the device machine computer pc laptop desktop server host local "
    "localhost default example todo tbd foo bar mac apple intel amd nvidia arm qualcomm samsung google raspberry "
    "dell lenovo hp asus acer msi microsoft ibm huawei xiaomi oneplus motorola sony framework phone tablet vm cloud "
    "windows linux macos android termux gpu cpu".split())

# Families of processors and words of virtual machines: a tag of these alone fits thousands of different machines.
FAMILY_WORDS = frozenset(
    "xeon epyc core ryzen atom celeron pentium opteron threadripper platinum gold silver bronze pro aarch64 arm64 armv7l armv8 "
    "x86 amd64 i686 riscv64 ppc64le s390x neoverse graviton kvm qemu common virtual version bit silicon penryn nehalem "
    "westmere sandybridge ivybridge haswell broadwell skylake cascadelake icelake cooperlake sapphirerapids graniterapids "
    "rome milan genoa turin naples intel amd apple arm authenticamd genuineintel tsx ibrs".split())

DEFAULT_REGISTRY, DEFAULT_NAMESPACE, DEFAULT_TAG = "registry.ollama.ai", "library", "latest"


def handle_problem(handle: str) -> str | None:
    """Why this is not a valid handle, or None. `example` is reserved for the EXAMPLE run."""
    if not HANDLE.match(handle):
        return "a handle is 1 to 39 of a-z, 0-9 and inner hyphens, such as ana or ana-2"
    if handle in WINDOWS_DEVICES:
        return "this name is a device on Windows and cannot be a folder there"
    if handle in RESERVED_HANDLES:
        return "example and unnamed are reserved, for the bundled run and for runs without a handle"
    return None


def device_tag_problem(tag: str) -> str | None:
    """Why this is not a valid device tag (wrong characters, a placeholder, or a Windows device name), or None."""
    if not DEVICE_TAG.match(tag):
        return "a device tag is 3 to 48 of a-z, 0-9 and inner hyphens, such as mac-m1-8gb or rtx-4090-pc"
    if tag in WINDOWS_DEVICES:
        return "this name is a device on Windows and cannot be a folder there"
    if all(word in PLACEHOLDER_WORDS for word in tag.split("-") if word):
        return "this does not identify a machine: write <chip-or-platform>-<key-spec>, such as ryzen-7950x-cpu"
    return None


def vague_tag_advice(tag: str) -> str | None:
    """Why a valid device tag hardly identifies a machine, and what would; None where it has a model's name."""
    words = re.sub(r"-(?:\d+[gm]b|64-bit|32-bit|cpu|pc)\Z", "", tag.replace("x86-64", "x86")).split("-")
    if not all(word in FAMILY_WORDS for word in words):
        return None
    return (f"the tag {tag} fits many machines, since the processor's model is hidden here, as on most virtual machines; better is what "
            "somebody else could buy or rent: the type of the instance, such as aws-m7i-2xlarge, or the processor of the host, such as "
            f"xeon-8481c-24gb; if you know neither, {tag} will do")


def run_id_problem(text: str) -> str | None:
    """Why this is not a valid run id, or None. uuid.UUID() alone accepts braces, urn:, upper case and other versions."""
    if _RUN_ID.match(text):
        return None
    import uuid     # it imports a dozen modules
    try:
        uuid.UUID(text)
    except ValueError:
        return "a run id is a UUID, such as 0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
    return "a run id is a random UUID (version 4) in lower case with hyphens"


def new_run_id() -> str:
    import uuid
    return str(uuid.uuid4())


@functools.lru_cache(maxsize=1024)       # a ledger asks for the same few in every record
def full_name(name: str) -> str:
    """A model's name with its tag, and without the default registry and namespace."""
    path, _, last = name.strip().rpartition("/")
    if ":" not in last:
        last += ":" + DEFAULT_TAG
    parts = [part for part in path.split("/") if part]
    if parts and parts[0].lower() == DEFAULT_REGISTRY:
        parts = parts[1:]
    if [part.lower() for part in parts] == [DEFAULT_NAMESPACE]:
        parts = []
    return "/".join(parts + [last])


def model_key(name: str) -> str:
    """One key for all spellings of a model: a server repeats the spelling of the request, /api/ps has its own."""
    return full_name(name).lower()


MODEL_PART = lazy(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\Z")


def model_name_problem(name: str) -> str | None:
    """Why Ollama would not give a model this name, or None; a registry's host may have a port."""
    *before, last = name.split("/")
    model, _, tag = last.partition(":")
    parts = [part.partition(":")[0] if number == 0 else part for number, part in enumerate(before)] + [model] + ([tag] if tag else [])
    if len(parts) > 8 or not all(MODEL_PART.match(part) for part in parts):
        return "parts of a-z, 0-9, _, . and -, each beginning with a letter, a digit or _"
    return None


def is_cloud_name(name: str) -> bool:
    """Whether Ollama would send this name to its cloud: the text after the last colon decides."""
    before, colon, tag = name.strip().lower().rpartition(":")
    if not colon:
        return False
    return tag == "cloud" or (tag.endswith("-cloud") and "/" not in tag)


def cell_id(device_tag: str, model: str) -> str:
    """`<device-tag>.<model>`, each byte of the model outside [a-z0-9-] as _hh: one to one, and safe in a URL.

    A device tag holds no full stop, so the first full stop ends it; '_' itself is escaped, so no two models collide.
    """
    safe = (chr(byte) if chr(byte) in "abcdefghijklmnopqrstuvwxyz0123456789-" else f"_{byte:02x}"
            for byte in full_name(model).encode("utf-8"))
    return f"{device_tag}.{''.join(safe)}"
