"""Hardware checks: hardware.json and the manifest describe the same machine, and models that could be what they say."""
from __future__ import annotations

import math
import re
from typing import Iterator

from base import facts, text_format
from base.hardware_view import HardwareView
from base.pattern import lazy
from base.records import hardware_fields
from judge import device_tags, thresholds
from judge.findings import Finding
from judge.plausibility import has_experts
from judge.tree_layout import RunPlace

PARTS = tuple(field.name for field in hardware_fields.RECORDS["hardware"] if field.null and field.name != "why_not_probed")
FORWARDERS = ("ssh", "sshd", "autossh", "docker-proxy", "com.docker.backend", "rootlessport", "slirp4netns", "pasta", "vpnkit", "gvproxy", "limactl",
              "socat", "rinetd", "gost", "stunnel", "openvpn", "haproxy", "nginx", "envoy", "caddy", "traefik", "wslrelay", "kubectl", "cloudflared",
              "frpc", "ngrok", "tailscaled")
PARAMETERS = lazy(r"(?:(\d+)x)?(\d+(?:\.\d+)?)([KMBT])\Z", re.IGNORECASE)
BITS = lazy(r"(?:I?Q|T?Q|B?F|FP|MXFP|NVFP|INT)(\d{1,2})(?:_|\Z)")
UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


def problems(hardware: dict, place: RunPlace) -> Iterator[Finding]:
    """What hardware.json says about itself, the server's process, and what the device tag names."""
    yield from _parts(hardware)
    view = HardwareView(hardware)
    if is_forwarded(hardware):
        yield Finding("protocol-forwarded", f"{view.server_process} listens on the server's port", "the server itself", "/ollama/process")
    yield from device_tags.problems(place.device_tag, view)


def is_forwarded(hardware: dict | None) -> bool:
    """Whether what listens only passes requests on, so that the server may run on another machine."""
    name = re.split(r"[\\/]", (HardwareView(hardware).server_process or "").lower())[-1]
    return (name[:-len(".exe")] if name.endswith(".exe") else name) in FORWARDERS


def _parts(hardware: dict) -> Iterator[Finding]:
    parts = [name for name in PARTS if hardware[name] is not None]
    if not hardware["probed"] and parts:
        yield Finding("hardware-parts", f"not probed, and yet {parts[0]} is there", "null for each part", f"/{parts[0]}")
    elif hardware["probed"] and not any(fact["value"] is not None for _, fact in facts.walk({name: hardware[name] for name in parts})):
        yield Finding("hardware-parts", "probed, and nothing is known", "what the probe found", "/probed")


def model_problems(manifest: dict) -> Iterator[Finding]:
    """A parameter count that the size on disk cannot hold, and names that no server gives."""
    least, most = thresholds.value("bits_per_parameter_least"), thresholds.value("bits_per_parameter_most")
    for number, model in enumerate(manifest["models"]):
        parameters = parameters_of(model["parameter_size"])
        if (model.get("expert_used_count") or 0) > (model.get("expert_count") or math.inf):
            yield Finding("physics-size", f"{model['name']}: {model['expert_used_count']} experts used for a token, of {model['expert_count']}",
                          "no more than there are", f"/models/{number}/expert_used_count")
        if parameters and model["size_bytes"]:
            bits = 8 * model["size_bytes"] / parameters
            if bits < least or (bits > most and model["size_bytes"] > thresholds.value("small_model_bytes")):
                bits_text, _ = text_format.distinct(bits, least if bits < least else most, 1)
                yield Finding("physics-size", f"{model['name']}: {model['size_bytes'] / 1e9:.2f} GB for {model['parameter_size']} parameters = "
                              f"{bits_text} bits each", f"from {least} to {most} bits", f"/models/{number}/size_bytes")
            elif bits < thresholds.value("quantization_share") * bits_of(model["quantization"]) and not has_experts(model):
                share, named = thresholds.value("quantization_share"), bits_of(model["quantization"])
                bits_text, limit = text_format.distinct(bits, share * named, 1)
                yield Finding("physics-size", f"{model['name']}: {model['quantization']}, with {bits_text} bits for a parameter",
                              f"{limit} bits or more, {share} of {named}", f"/models/{number}/quantization")


def bits_of(quantization: str | None) -> int:
    """The bits that a quantization is named after, such as 4 of Q4_K_M; 0 where it names none. Experts may have fewer than the name says."""
    match = BITS.match((quantization or "").upper())
    return int(match.group(1)) if match else 0


def parameters_of(text: str | None) -> float | None:
    """The number of parameters in a text such as 7.2B or 8x7B; None for any other text."""
    match = PARAMETERS.match((text or "").strip())
    if not match or float(match.group(2)) == 0:
        return None
    return int(match.group(1) or 1) * float(match.group(2)) * UNITS[match.group(3).lower()]
