"""CIM: what Windows reports of itself, in one call, since each start of PowerShell costs half a second.

Only the properties named here are asked for: the same classes hold serial numbers, users and the computer's name.
"""
from __future__ import annotations

from typing import Any

from base import facts
from measure.hardware import text_parsing
from measure.hardware.machine import SLOW_S, CommandResult, Machine

CLASSES = {
    "system": "Win32_OperatingSystem Caption,Version,OSArchitecture",
    "computer": "Win32_ComputerSystem Manufacturer,Model,SystemFamily",
    "processor": "Win32_Processor Name,Manufacturer,NumberOfCores,NumberOfLogicalProcessors,MaxClockSpeed",
    "memory": "Win32_PhysicalMemory Capacity,SMBIOSMemoryType,Speed,ConfiguredClockSpeed",
    "video": "Win32_VideoController Name,AdapterCompatibility,AdapterRAM,DriverVersion",
    "battery": "Win32_Battery BatteryStatus",
}
# AdapterRAM has 32 bits; the true size of a large card is in the registry beside the name of its driver. A card that
# moved leaves a key behind, so that several may have one name: `present` has the driver keys of the devices that are there.
CLASS = "{4d36e968-e325-11ce-bfc1-08002be10318}"
CONTROL = r"HKLM:\SYSTEM\CurrentControlSet"
ADAPTER = "DriverDesc,DriverVersion,'HardwareInformation.qwMemorySize',PSChildName"
SCRIPT = "".join([
    "$ErrorActionPreference='SilentlyContinue';[Console]::OutputEncoding=New-Object Text.UTF8Encoding $false;",
    "function q($c,[string[]]$p){Get-CimInstance -ClassName $c -Property $p|Select-Object -Property $p};",
    "@{",
    *(f"{name}=@(q {wanted});" for name, wanted in CLASSES.items()),
    f"present=@(Get-CimInstance -ClassName Win32_VideoController|ForEach-Object{{(Get-ItemProperty -LiteralPath ('{CONTROL}\\Enum\\'+",
    "$_.PNPDeviceID)).Driver});",
    f"adapters=@(Get-ItemProperty -Path '{CONTROL}\\Control\\Class\\{CLASS}\\0*'|Select-Object -Property {ADAPTER})",
    "}|ConvertTo-Json -Depth 3 -Compress",
])


def ask(machine: Machine) -> CommandResult:
    return machine.run("powershell", "-NoProfile", "-NonInteractive", "-Command", SCRIPT, limit_s=SLOW_S)


def document(machine: Machine) -> dict:
    values = text_parsing.json(ask(machine).text)
    return values if isinstance(values, dict) else {}


def every(machine: Machine, name: str) -> list:
    """The instances of one class, as objects; [] where there are none."""
    return text_parsing.rows(document(machine).get(name))


def first(machine: Machine, name: str) -> dict:
    return next(iter(every(machine, name)), {})


def adapters(machine: Machine) -> list:
    """The registry's display adapters; those of devices that are there, where Windows says which these are."""
    rows, present = every(machine, "adapters"), document(machine).get("present")
    keys = {str(key).rpartition("\\")[2] for key in present if key} if isinstance(present, list) else set()
    return [row for row in rows if row.get("PSChildName") in keys] or rows


def fact(machine: Machine, value: Any, method: str) -> dict:
    return facts.optional(value, f"CIM {method}", ask(machine).why)
