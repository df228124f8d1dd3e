"""The records of hardware.json: what this machine is, each value with its method, each unknown value with the reason."""
from __future__ import annotations

from base.records.field import fields

HARDWARE_VERSION = "hardware-1.0"

COMPUTE_INTERFACES = {
    "cuda": "NVIDIA's, through NVIDIA's own driver",
    "rocm": "AMD's, through the kernel's compute driver",
    "metal": "Apple's",
    "vulkan": "the common one, where the vendor's own is not available",
    "none": "none of these: nothing can compute on it",
}
POWER_SOURCES = {"ac": "mains", "battery": "a discharging battery"}
SOURCE_OUTCOMES = {
    "answered": "the command succeeded",
    "missing": "no such command",
    "failed": "the command returned an error",
    "late": "the command exceeded its time limit and was killed",
    "too-much": "the command printed more than the limit and was killed",
}
CHOICES = {"compute_interface": COMPUTE_INTERFACES, "power_source": POWER_SOURCES, "source_outcome": SOURCE_OUTCOMES}


def _fact(kind: str) -> tuple:
    return fields(
        ("value", f"{kind}?", "null: unknown"),
        ("method", "text~", "where the value comes from: a command, a file or a system call; absent where the value is null"),
        ("why", "text~", "why it is unknown; absent where it is known"),
    )


RECORDS = {
    "hardware": fields(
        ("schema", "text", "hardware-1.0"),
        ("synthetic", "bool", "true: made up, no machine was probed"),
        ("probed", "bool", "false: the server runs on another machine, which cannot be probed from here"),
        ("why_not_probed", "text?", "null where it was probed"),
        ("system", "hardware_system?", "the operating system; this and the following fields are null where nothing was probed"),
        ("cpu", "hardware_cpu?", "the processor"),
        ("memory", "hardware_memory?", "main memory"),
        ("accelerators", "accelerators_fact?", "every graphics or compute device, integrated ones included; [] for none"),
        ("power", "hardware_power?", "power source and power mode"),
        ("surroundings", "hardware_surroundings?", "container, virtual machine, WSL or Termux between the system and the machine"),
        ("ollama", "hardware_ollama?", "the server's process"),
        ("copy_bandwidth", "copy_bandwidth?", "how fast one thread copies memory: a lower bound of the machine's bandwidth"),
        ("sources", "list:hardware_source", "every command that was run, in order"),
    ),
    "hardware_system": fields(
        ("name", "text_fact", "operating system or distribution"),
        ("version", "text_fact", "its version"),
        ("kernel", "text_fact", "the kernel's release"),
        ("architecture", "text_fact", "of the processor, as the system names it"),
        ("product", "text_fact", "the vendor's name for this model of machine"),
    ),
    "hardware_cpu": fields(
        ("model", "text_fact", "product name; several kinds of core are joined by ` + `"),
        ("vendor", "text_fact", "as the processor reports it"),
        ("physical_cores", "count_fact", "cores of all sockets"),
        ("logical_cores", "count_fact", "hardware threads"),
        ("usable_cores", "number_fact", "what affinity and a container's limit leave to this process; may be a fraction"),
        ("performance_cores", "count_fact", "physical cores of the faster kinds, where there is more than one kind"),
        ("efficiency_cores", "count_fact", "physical cores of the slower kinds: efficiency and low-power ones; 0: all are fast kinds"),
        ("core_kinds", "texts_fact~", "number and name of every kind, fastest first, such as `6 performance`; absent in older records"),
        ("max_mhz", "number_fact", "highest clock of the fastest cores that the system reports, in MHz"),
        ("instruction_sets", "texts_fact", "those that matter for inference, such as AVX2, AVX-512F, AMX-INT8, NEON, SVE"),
    ),
    "hardware_memory": fields(
        ("usable_bytes", "count_fact", "what this process may use; a container's limit counts"),
        ("physical_bytes", "count_fact", "what is installed, or given to the virtual machine or container"),
        ("type", "text_fact", "such as DDR5 or LPDDR4"),
        ("speed_mt_s", "count_fact", "as configured, in million transfers a second"),
    ),
    "accelerator": fields(
        ("vendor", "text_fact", "its vendor"),
        ("name", "text_fact", "exact product name where the system reports it"),
        ("memory_bytes", "count_fact", "its own memory, a slice's part of it, or the part of main memory that is set aside for it"),
        ("cores", "count_fact", "its cores or compute units, as its vendor counts them"),
        ("driver", "text_fact", "version of the driver, else its name"),
        ("interface", "compute_interface_fact", "the best compute interface that is available for it"),
        ("unified_memory", "bool_fact", "true: it shares main memory and has no memory of its own"),
        ("power_limit_w", "number_fact", "its current power limit, in watts"),
    ),
    "hardware_power": fields(
        ("source", "power_source_fact", "at the time of the probe"),
        ("mode", "text_fact", "the system's power mode, such as balanced or low-power"),
        ("governor", "text_fact", "the kernel's frequency governor; several are joined by a comma"),
    ),
    "hardware_surroundings": fields(
        ("container", "text_fact", "docker, podman, lxc, kubernetes, container or none"),
        ("virtual_machine", "text_fact", "which one, as the machine reports it, or none"),
        ("wsl", "text_fact", "WSL1, WSL2 or none"),
        ("termux", "text_fact", "Termux's version, or none"),
    ),
    "hardware_ollama": fields(
        ("version", "text_fact", "as the server reports it"),
        ("process", "text_fact", "name of the listening process; ssh or docker-proxy means that the server is elsewhere"),
        ("environment", "settings_fact", "variables that change how it computes; `set` replaces a path, host, key or free text"),
    ),
    "copy_bandwidth": fields(
        ("bytes_s", "number_fact", "bytes read plus bytes written per second by one thread, best of n; a lower bound"),
        ("buffer_bytes", "count?", "size of each of the two buffers; null: not measured"),
        ("n", "count?", "number of timed copies"),
        ("threads", "count", "always 1"),
    ),
    "hardware_source": fields(
        ("command", "text", "what was run"),
        ("outcome", "choice:source_outcome", "how it ended"),
    ),
    "text_fact": _fact("text"), "count_fact": _fact("count"), "number_fact": _fact("number"), "bool_fact": _fact("bool"),
    "texts_fact": _fact("list:text"), "settings_fact": _fact("settings"), "accelerators_fact": _fact("list:accelerator"),
    "compute_interface_fact": _fact("choice:compute_interface"), "power_source_fact": _fact("choice:power_source"),
}
