"""The system: its name, version and kernel, and what the maker calls this model of machine."""
from __future__ import annotations

import re

from base import facts
from measure.hardware import cim, mac, texts
from measure.hardware.machine import Machine

DMI = "/sys/class/dmi/id"
BOARD = "/proc/device-tree/model"


def read(machine: Machine) -> dict:
    known = {"linux": _linux, "darwin": _mac, "windows": _windows}.get(machine.platform.system)
    found = known(machine) if known else {
        "name": facts.told(texts.line(machine.platform.system), "platform.system", "Python does not tell it")}
    why = "it is not looked for on this system"
    architecture = facts.told(texts.line(machine.platform.architecture), "platform.machine", "Python does not tell it")
    return {"name": found["name"], "version": found.get("version", facts.unknown(why)), "kernel": _kernel(machine),
            "architecture": found.get("architecture", architecture), "product": found.get("product", facts.unknown(why))}


def _kernel(machine: Machine) -> dict:
    """A kernel that somebody built may carry his name or his host's: then only the number is kept."""
    release = texts.line(machine.platform.kernel)
    number = re.match(r"[0-9]+(?:\.[0-9]+){0,2}", release or "")
    own = {part for word in machine.platform.own_words for part in _words(word)}
    if number and own & set(_words(release)):
        return facts.known(number.group(), "uname, without its suffix")
    return facts.told(release, "uname", "Python does not tell it")


def _words(text: str) -> list:
    return re.findall(r"[a-z0-9]+", text.lower())


# ----- Linux, and Android under it

def _linux(machine: Machine) -> dict:
    if is_android(machine):
        version = machine.run("getprop", "ro.build.version.release")
        return {"name": facts.known("Android", "ANDROID_ROOT and TERMUX_VERSION"), "product": phone(machine),
                "version": facts.told(texts.line(version.text), version.command, version.why)}
    path = next((path for path in ("/etc/os-release", "/usr/lib/os-release") if machine.read(path)), "/etc/os-release")
    release = texts.pairs(machine.read(path), "=")
    return {"name": facts.told(texts.line(release.get("NAME")), path, f"{path} does not tell it"),
            "version": facts.told(texts.line(release.get("VERSION_ID")), path, f"{path} tells none"),
            "product": facts.first(board(machine), _dmi(machine))}


def is_android(machine: Machine) -> bool:
    environment = machine.platform.environment
    return "TERMUX_VERSION" in environment or "ANDROID_ROOT" in environment


def phone(machine: Machine) -> dict:
    """Maker and model; a model that already begins with its maker is not told twice."""
    maker, model = (machine.run("getprop", f"ro.product.{name}") for name in ("manufacturer", "model"))
    first, second = texts.line(maker.text) or "", texts.line(model.text) or ""
    name = second if second.lower().startswith(first.lower()) else f"{first} {second}" if second else ""
    return facts.told(name, "getprop ro.product.manufacturer and ro.product.model", model.why)


def board(machine: Machine) -> dict:
    return facts.told(texts.line(machine.read(BOARD)), BOARD, f"no {BOARD} here")


def _dmi(machine: Machine) -> dict:
    """Maker and model from the firmware, never the files beside them that hold serial numbers."""
    maker, model = (texts.line(machine.read(f"{DMI}/{name}")) for name in ("sys_vendor", "product_name"))
    return facts.told(f"{maker or ''} {model}".strip() if model else None, f"{DMI}/sys_vendor and product_name",
                      f"{DMI}/product_name does not tell it")


# ----- macOS and Windows

def _mac(machine: Machine) -> dict:
    told = mac.sysctl(machine)
    arm = {"architecture": facts.known("arm64", "sysctl hw.optional.arm64")} if told.get("hw.optional.arm64") == "1" else {}
    return {"name": facts.known("macOS", "platform.system"), "version": mac.fact(machine, "kern.osproductversion"),
            "product": mac.fact(machine, "hw.model"), **arm}     # a Python for Intel says x86_64 on an Apple chip too


def _windows(machine: Machine) -> dict:
    system, computer = cim.one(machine, "system"), cim.one(machine, "computer")
    maker, model = texts.line(computer.get("Manufacturer")), texts.line(computer.get("Model"))
    return {"name": cim.fact(machine, texts.line(system.get("Caption")), "Win32_OperatingSystem Caption"),
            "version": cim.fact(machine, texts.line(system.get("Version")), "Win32_OperatingSystem Version"),
            "product": cim.fact(machine, f"{maker or ''} {model}".strip() if model else None, "Win32_ComputerSystem Model")}
