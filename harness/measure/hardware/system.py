"""The operating system: its name, version and kernel, and the product name of this model of machine."""
from __future__ import annotations

import re

from base import facts
from measure.hardware import cim, mac, text_parsing
from measure.hardware.machine import Machine

DMI = "/sys/class/dmi/id"
BOARD = "/proc/device-tree/model"
# Properties in which Xiaomi; OnePlus, Oppo and realme; vivo; Honor and Huawei keep the name of a phone whose model is a number.
MARKET_NAMES = ("ro.product.marketname", "ro.vendor.oplus.market.name", "ro.vivo.market.name", "ro.config.marketing_name")


def read(machine: Machine) -> dict:
    reader = {"linux": _linux, "darwin": _mac, "windows": _windows}.get(machine.platform.system)
    values = reader(machine) if reader else {
        "name": facts.optional(text_parsing.line(machine.platform.system), "platform.system", "Python does not know it")}
    why = "it is not looked for on this system"
    architecture = facts.optional(text_parsing.line(machine.platform.architecture), "platform.machine", "Python does not know it")
    return {"name": values["name"], "version": values.get("version", facts.unknown(why)), "kernel": _kernel(machine),
            "architecture": values.get("architecture", architecture), "product": values.get("product", facts.unknown(why))}


def _kernel(machine: Machine) -> dict:
    """A self-built kernel may carry a user's or a host's name: then only the number is kept."""
    release = text_parsing.line(machine.platform.kernel)
    number = re.match(r"[0-9]+(?:\.[0-9]+){0,2}", release or "")
    own = {part for word in machine.platform.own_words for part in _words(word)}
    if number and own & set(_words(release or "")):
        return facts.known(number.group(), "uname, without its suffix")
    return facts.optional(release, "uname", "Python does not know it")


def _words(text: str) -> list:
    return re.findall(r"[a-z0-9]+", text.lower())


# ----- Linux, and Android under it

def _linux(machine: Machine) -> dict:
    if is_android(machine):
        version = machine.run("getprop", "ro.build.version.release")
        return {"name": facts.known("Android", "ANDROID_ROOT and TERMUX_VERSION"), "product": phone(machine),
                "version": facts.optional(text_parsing.line(version.text), version.command, version.why)}
    path = next((path for path in ("/etc/os-release", "/usr/lib/os-release") if machine.read(path)), "/etc/os-release")
    release = text_parsing.pairs(machine.read(path), "=")
    return {"name": facts.optional(text_parsing.line(release.get("NAME")), path, f"{path} has no NAME"),
            "version": facts.optional(text_parsing.line(release.get("VERSION_ID")), path, f"{path} has no VERSION_ID"),
            "product": facts.first(board(machine), _dmi(machine))}


def is_android(machine: Machine) -> bool:
    environment = machine.platform.environment
    return "TERMUX_VERSION" in environment or "ANDROID_ROOT" in environment


def phone(machine: Machine) -> dict:
    """Maker and model; the maker is left out where the model begins with it. Some makers write the name that buyers know."""
    maker, model = (machine.run("getprop", f"ro.product.{name}") for name in ("manufacturer", "model"))
    sold = next(((name, text) for name in MARKET_NAMES for text in [text_parsing.line(machine.run("getprop", name).text)] if text), None)
    name, text = sold or ("ro.product.model", text_parsing.line(model.text))
    return facts.optional(_product(text_parsing.line(maker.text), text), f"getprop ro.product.manufacturer and {name}", model.why)


def board(machine: Machine) -> dict:
    model = (machine.read(BOARD) or "").split("\0")[0]
    return facts.optional(text_parsing.line(model), BOARD, f"no {BOARD} here")


def _dmi(machine: Machine) -> dict:
    """Maker and model from the firmware, never the files beside them that hold serial numbers."""
    maker, model, version, family = (text_parsing.line(machine.read(f"{DMI}/{name}"))
                                     for name in ("sys_vendor", "product_name", "product_version", "product_family"))
    return facts.optional(_lenovo(maker, version, family) or _product(maker, model), f"{DMI}/sys_vendor and product_name",
                      f"{DMI}/product_name has no name")


def _lenovo(maker: str | None, *names: str | None) -> str | None:
    """Lenovo's model is the number of a type, such as 21CBCTO1WW; the name is in the version or the family."""
    name = next((name for name in names if name and re.search("[A-Za-z]{3}.*[0-9 ]", name)), None)
    return _product(maker, name) if maker and maker.lower() == "lenovo" else None


def _product(maker: str | None, model: str | None) -> str | None:
    if not model or not maker or model.lower().startswith(maker.lower()):
        return model
    return f"{maker} {model}"


# ----- macOS and Windows

def _mac(machine: Machine) -> dict:
    arm = {"architecture": facts.known("arm64", "sysctl hw.optional.arm64")} if mac.is_apple_silicon(machine) else {}
    return {"name": facts.known("macOS", "platform.system"), "version": mac.fact(machine, "kern.osproductversion"),
            "product": mac.fact(machine, "hw.model"), **arm}     # a Python for Intel says x86_64 on an Apple chip too


def _windows(machine: Machine) -> dict:
    system, computer = cim.first(machine, "system"), cim.first(machine, "computer")
    maker, model, family = (text_parsing.line(computer.get(name)) for name in ("Manufacturer", "Model", "SystemFamily"))
    return {"name": cim.fact(machine, text_parsing.line(system.get("Caption")), "Win32_OperatingSystem Caption"),
            "version": cim.fact(machine, text_parsing.line(system.get("Version")), "Win32_OperatingSystem Version"),
            "product": cim.fact(machine, _lenovo(maker, family) or _product(maker, model), "Win32_ComputerSystem Model")}
