"""CIM: what Windows tells of itself, asked in one go, since each start of PowerShell costs half a second.

Only the properties named here are asked for: the same classes hold serial numbers, users and the computer's name.
"""
from __future__ import annotations

from base import facts
from measure.hardware import texts
from measure.hardware.machine import SLOW_S, Answer, Machine

CLASSES = {
    "system": "Win32_OperatingSystem Caption,Version,OSArchitecture",
    "computer": "Win32_ComputerSystem Manufacturer,Model",
    "processor": "Win32_Processor Name,Manufacturer,NumberOfCores,NumberOfLogicalProcessors,MaxClockSpeed",
    "memory": "Win32_PhysicalMemory Capacity,SMBIOSMemoryType,Speed,ConfiguredClockSpeed",
    "video": "Win32_VideoController Name,AdapterCompatibility,AdapterRAM,DriverVersion",
    "battery": "Win32_Battery BatteryStatus",
}
# AdapterRAM has 32 bits; the true size of a large card stands in the registry beside the name of its driver.
ADAPTERS = (r"HKLM:\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}\0*",
            "DriverDesc,'HardwareInformation.qwMemorySize'")
SCRIPT = "".join([
    "$ErrorActionPreference='SilentlyContinue';[Console]::OutputEncoding=[Text.Encoding]::UTF8;",
    "function q($c,[string[]]$p){Get-CimInstance -ClassName $c -Property $p|Select-Object -Property $p};",
    "@{",
    *(f"{name}=@(q {asked});" for name, asked in CLASSES.items()),
    f"adapters=@(Get-ItemProperty -Path '{ADAPTERS[0]}'|Select-Object -Property {ADAPTERS[1]})",
    "}|ConvertTo-Json -Depth 3 -Compress",
])


def asked(machine: Machine) -> Answer:
    return machine.run("powershell", "-NoProfile", "-NonInteractive", "-Command", SCRIPT, limit_s=SLOW_S)


def every(machine: Machine, name: str) -> list:
    """The instances of one class, as objects; [] where nothing was told."""
    found = texts.json(asked(machine).text)
    return texts.rows(found.get(name)) if isinstance(found, dict) else []


def one(machine: Machine, name: str) -> dict:
    return next(iter(every(machine, name)), {})


def fact(machine: Machine, value: object, method: str) -> dict:
    return facts.told(value, f"CIM {method}", asked(machine).why)
