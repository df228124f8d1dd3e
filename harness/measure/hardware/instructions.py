"""Instruction sets that matter for inference, under one name each, whatever the system calls them."""
from __future__ import annotations

from base import facts
from measure.hardware.machine import Platform

# Flags of /proc/cpuinfo. One table for each architecture: the x86 flag `sme` is memory encryption, Arm's is matrices.
X86 = {
    "sse4_2": "SSE4.2", "avx": "AVX", "f16c": "F16C", "fma": "FMA", "avx2": "AVX2", "avx_vnni": "AVX-VNNI",
    "avx_vnni_int8": "AVX-VNNI-INT8", "avx512f": "AVX-512F", "avx512bw": "AVX-512BW", "avx512vbmi": "AVX-512-VBMI",
    "avx512_vnni": "AVX-512-VNNI", "avx512_bf16": "AVX-512-BF16", "avx512_fp16": "AVX-512-FP16", "amx_tile": "AMX-TILE",
    "amx_int8": "AMX-INT8", "amx_bf16": "AMX-BF16", "amx_fp16": "AMX-FP16",
}
ARM = {"neon": "NEON", "asimd": "NEON", "asimdhp": "FP16", "asimddp": "dotprod", "i8mm": "i8mm", "bf16": "BF16", "sve": "SVE",
       "sve2": "SVE2", "svei8mm": "SVE-i8mm", "sme": "SME", "sme2": "SME2"}
RISCV = {"v": "RVV", "zvfh": "Zvfh", "zvfbfwma": "Zvfbfwma"}
LOONGARCH = {"lsx": "LSX", "lasx": "LASX"}
# Words of machdep.cpu.features and its leaf7_features, and names that sysctl sets to 1.
INTEL_MAC = {"SSE4.2": "SSE4.2", "AVX1.0": "AVX", "F16C": "F16C", "FMA": "FMA", "AVX2": "AVX2", "AVX512F": "AVX-512F",
             "AVX512BW": "AVX-512BW", "AVX512VNNI": "AVX-512-VNNI"}
APPLE = {"hw.optional.neon": "NEON", "hw.optional.AdvSIMD": "NEON", "hw.optional.arm.AdvSIMD": "NEON",
         "hw.optional.arm.FEAT_FP16": "FP16", "hw.optional.arm.FEAT_DotProd": "dotprod",
         "hw.optional.arm.FEAT_I8MM": "i8mm", "hw.optional.arm.FEAT_BF16": "BF16",
         "hw.optional.arm.FEAT_SME": "SME", "hw.optional.arm.FEAT_SME2": "SME2"}
# Arguments of IsProcessorFeaturePresent; it has none for FMA, F16C, VNNI and AMX.
WINDOWS = {38: "SSE4.2", 39: "AVX", 40: "AVX2", 41: "AVX-512F", 19: "NEON", 67: "FP16", 43: "dotprod", 66: "i8mm", 68: "BF16",
           46: "SVE", 47: "SVE2", 70: "SME", 71: "SME2"}
NOT_READ = "no flags in /proc/cpuinfo"


def from_cpuinfo(info: dict) -> dict:
    """`info` is the first processor of /proc/cpuinfo, whose layout is that of its architecture."""
    if "VirtualApple" in f"{info.get('vendor_id')} {info.get('model name')}":
        return facts.unknown("Rosetta translates; what is listed here is not the processor's")
    if "flags" in info:
        return _named(info["flags"].split(), X86, "/proc/cpuinfo", NOT_READ)
    if info.get("isa", "").startswith("rv"):            # one word, such as rv64imafdcv_zicsr
        base, *extensions = info["isa"].split("_")
        return _named(list(base[4:]) + extensions, RISCV, "/proc/cpuinfo", NOT_READ)
    features = info.get("Features", info.get("features"))
    is_loongarch = "loongson" in f"{info.get('CPU Family')} {info.get('ISA')} {info.get('system type')}".lower()
    return _named(None if features is None else features.split(), LOONGARCH if is_loongarch else ARM, "/proc/cpuinfo", NOT_READ)


def from_sysctl(values: dict, is_apple_silicon: bool, why: str) -> dict:
    """On Apple silicon the x86 words, which Rosetta shows to a translated Python, are not the processor's."""
    words = "" if is_apple_silicon else f"{values.get('machdep.cpu.features', '')} {values.get('machdep.cpu.leaf7_features', '')}"
    names = [INTEL_MAC[word] for word in words.split() if word in INTEL_MAC]
    names += [name for key, name in APPLE.items() if values.get(key) == "1"]
    return _named(names or None, {name: name for name in names}, "sysctl", why)


def from_windows(platform: Platform) -> dict:
    method = "IsProcessorFeaturePresent"
    return _named(list(platform.windows_features) or None, WINDOWS, f"{method}, which does not cover FMA, F16C, VNNI and AMX",
                  f"{method} reports none")


def _named(flags: list | None, names: dict, method: str, why: str) -> dict:
    """In the order of the table, each once."""
    if flags is None:
        return facts.unknown(why)
    present = set(flags)
    return facts.known(list(dict.fromkeys(name for flag, name in names.items() if flag in present)), method)
