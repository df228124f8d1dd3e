"""Virtualization: a container, a virtual machine, WSL or Termux between the system and the machine."""
from __future__ import annotations

import re

from base import facts
from base.pattern import lazy
from measure.hardware import lscpu, mac, system, text_parsing
from measure.hardware.machine import Machine

MARKER_FILES = (("/.dockerenv", "docker"), ("/run/.containerenv", "podman"))
CGROUP_WORDS = (("kubepods", "kubernetes"), ("docker", "docker"), ("libpod", "podman"), ("lxc", "lxc"),
                ("containerd", "container"))
VIRTUAL_PRODUCTS = lazy(
    r"vmware|virtualbox|innotek|qemu|kvm|xen|parallels|bochs|openstack|hvm domu|amazon ec2|digitalocean|"
    r"google compute engine|hetzner|virtual machine|virtual platform|apple virtualization", re.IGNORECASE)
NO_SIGN = "no sign in /.dockerenv, /run/.containerenv, /run/systemd/container and /proc/self/cgroup"


def read(machine: Machine) -> dict:
    if machine.platform.system == "linux":
        return {"container": _container(machine), "virtual_machine": _linux_host(machine), "wsl": _wsl(machine),
                "termux": _termux(machine)}
    host = {"darwin": _mac_host, "windows": _windows_host}.get(machine.platform.system)
    none, why = facts.known("none", "this is not Linux"), facts.unknown("it is not looked for on this system")
    return {"container": why, "virtual_machine": host(machine) if host else why, "wsl": none, "termux": none}


def _container(machine: Machine) -> dict:
    for path, name in MARKER_FILES:
        if machine.read(path) is not None:
            return facts.known(name, path)
    if "KUBERNETES_SERVICE_HOST" in machine.platform.environment:
        return facts.known("kubernetes", "KUBERNETES_SERVICE_HOST is set")
    manager = text_parsing.line(machine.read("/run/systemd/container"))
    if manager and re.fullmatch("[a-z-]{1,20}", manager):
        return facts.known(manager, "/run/systemd/container")
    own = machine.read("/proc/self/cgroup") or ""
    return next((facts.known(name, "/proc/self/cgroup") for word, name in CGROUP_WORDS if word in own),
                facts.known("none", NO_SIGN))


def _linux_host(machine: Machine) -> dict:
    """lscpu names the hypervisor; the firmware may; an x86 processor at least reports whether there is one."""
    listed, product = lscpu.read(machine), system.read(machine)["product"]
    flags = text_parsing.pairs(machine.read("/proc/cpuinfo")).get("flags", "").split()
    by_flag = "a virtual machine" if "hypervisor" in flags else "none" if flags else None
    return facts.first(facts.optional(listed.first("Hypervisor vendor"), listed.answer.command, listed.answer.why),
                       facts.optional(product["value"] if VIRTUAL_PRODUCTS.search(product["value"] or "") else None,
                                  product.get("method", ""), "the firmware names no virtual machine"),
                       facts.optional(by_flag, "/proc/cpuinfo flags", "this kind of processor does not report it"))


def _wsl(machine: Machine) -> dict:
    kernel = machine.platform.kernel.lower()
    return facts.known("none" if "microsoft" not in kernel else "WSL2" if "wsl2" in kernel else "WSL1", "uname")


def _termux(machine: Machine) -> dict:
    environment = machine.platform.environment
    inside = "Termux" if "com.termux" in environment.get("PREFIX", "") else "none"
    return facts.known(text_parsing.line(environment.get("TERMUX_VERSION")) or inside, "TERMUX_VERSION and PREFIX")


def _mac_host(machine: Machine) -> dict:
    return mac.fact(machine, "kern.hv_vmm_present", convert={"0": "none", "1": "a virtual machine"}.get)


def _windows_host(machine: Machine) -> dict:
    """Not HypervisorPresent: Windows itself runs on a hypervisor where memory integrity is switched on."""
    product = system.read(machine)["product"]
    if product["value"] is None:
        return product
    return facts.known(product["value"] if VIRTUAL_PRODUCTS.search(product["value"]) else "none", product["method"])
