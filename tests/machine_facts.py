"""What is known of each sample machine: (device tag, number of accelerators, some of its facts)."""
from __future__ import annotations

GIB = 2 ** 30

EXPECTED = {
    "linux-nvidia": ("rtx-4090-24gb", 2, {
        "system.name": "Ubuntu", "system.version": "24.04", "system.kernel": "6.8.0-45-generic", "system.product": None,
        "cpu.model": "AMD Ryzen 9 7950X 16-Core Processor", "cpu.vendor": "AuthenticAMD", "cpu.physical_cores": 16,
        "cpu.logical_cores": 32, "cpu.usable_cores": 32, "cpu.performance_cores": None, "cpu.max_mhz": 5881.0,
        "cpu.instruction_sets": ["SSE4.2", "AVX", "F16C", "FMA", "AVX2", "AVX-512F", "AVX-512BW", "AVX-512-VBMI",
                                 "AVX-512-VNNI", "AVX-512-BF16"],
        "memory.usable_bytes": 67109453824, "memory.physical_bytes": 64 * GIB, "memory.type": "DDR5", "memory.speed_mt_s": 6000,
        "accelerators[0].vendor": "NVIDIA", "accelerators[0].name": "NVIDIA GeForce RTX 4090",
        "accelerators[0].memory_bytes": 24564 << 20, "accelerators[0].driver": "560.35.03", "accelerators[0].interface": "cuda",
        "accelerators[0].unified_memory": False, "accelerators[0].power_limit_w": 450.0,
        "accelerators[1].vendor": "AMD", "accelerators[1].memory_bytes": 512 << 20, "accelerators[1].interface": "vulkan",
        "accelerators[1].unified_memory": True, "power.source": None, "power.mode": "performance", "power.governor": "powersave",
        "surroundings.container": "none", "surroundings.virtual_machine": "none", "ollama.version": "0.33.0",
        "ollama.process": "ollama", "ollama.environment": {
            "CUDA_VISIBLE_DEVICES": "set", "OLLAMA_API_KEY": "set", "OLLAMA_FLASH_ATTENTION": "1", "OLLAMA_HOST": "set",
            "OLLAMA_KEEP_ALIVE": "30m", "OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_MODELS": "set", "OLLAMA_NUM_PARALLEL": "4"}}),
    "linux-amd": ("radeon-rx-7900-xtx-24gb", 1, {
        "system.kernel": "6.9.4", "system.product": "Micro-Star International Co., Ltd. MS-7C91", "cpu.physical_cores": 6,
        "memory.physical_bytes": 32 * GIB, "accelerators[0].name": "Radeon RX 7900 XTX", "accelerators[0].vendor": "AMD",
        "accelerators[0].memory_bytes": 25753026560, "accelerators[0].cores": 96, "accelerators[0].driver": "6.9.4",
        "accelerators[0].interface": "rocm", "accelerators[0].power_limit_w": 327.0}),
    "amd-smi": ("radeon-rx-9070-xt-16gb", 2, {
        "accelerators[0].name": "AMD Radeon RX 9070 XT", "accelerators[0].memory_bytes": 16304 << 20,
        "accelerators[0].cores": 64, "accelerators[0].unified_memory": False, "accelerators[0].power_limit_w": 340.0,
        "accelerators[1].unified_memory": True, "accelerators[1].cores": None, "accelerators[1].driver": "6.14.0-24",
        "accelerators[1].memory_bytes": 512 << 20, "accelerators[1].interface": "rocm"}),
    "laptop-battery": ("i7-1260p-16gb", 1, {
        "system.name": "Arch Linux", "system.version": None, "system.product": "LENOVO 21CBCTO1WW", "cpu.physical_cores": 12,
        "cpu.logical_cores": 16, "cpu.performance_cores": 4, "cpu.efficiency_cores": 8, "cpu.max_mhz": 4700.0,
        "accelerators[0].name": "Intel(R) Iris(R) Xe Graphics", "accelerators[0].vendor": "Intel",
        "accelerators[0].unified_memory": True, "accelerators[0].interface": "vulkan", "accelerators[0].memory_bytes": None,
        "power.source": "battery", "power.mode": "low-power", "memory.type": None}),
    "raspberry-pi": ("raspberry-pi-5-8gb", 1, {
        "system.product": "Raspberry Pi 5 Model B Rev 1.0", "system.architecture": "aarch64", "cpu.model": "Cortex-A76",
        "cpu.vendor": "ARM", "cpu.physical_cores": 4, "cpu.performance_cores": None, "cpu.max_mhz": 2400.0,
        "cpu.instruction_sets": ["NEON", "FP16", "dotprod"], "accelerators[0].name": "brcm,2712-v3d",
        "accelerators[0].unified_memory": True, "accelerators[0].interface": "vulkan", "power.governor": "ondemand"}),
    "mac-m1": ("mac-m1-8gb", 1, {
        "system.name": "macOS", "system.version": "14.6.1", "system.product": "MacBookPro17,1", "cpu.model": "Apple M1",
        "cpu.vendor": "Apple", "cpu.physical_cores": 8, "cpu.performance_cores": 4, "cpu.efficiency_cores": 4,
        "cpu.max_mhz": None, "cpu.instruction_sets": ["NEON", "FP16", "dotprod"], "memory.physical_bytes": 8 * GIB,
        "memory.type": "LPDDR4", "memory.speed_mt_s": None, "accelerators[0].name": "Apple M1", "accelerators[0].cores": 8,
        "accelerators[0].interface": "metal", "accelerators[0].unified_memory": True, "accelerators[0].memory_bytes": None,
        "power.source": "battery", "power.mode": "low-power", "surroundings.virtual_machine": "none"}),
    "mac-m3-max": ("mac-m3-max-64gb", 1, {
        "system.architecture": "arm64", "cpu.performance_cores": 12, "cpu.efficiency_cores": 4, "accelerators[0].cores": 40,
        "cpu.instruction_sets": ["NEON", "FP16", "dotprod", "i8mm", "BF16"], "memory.type": "LPDDR5", "power.source": "ac",
        "power.mode": "high-power"}),
    "mac-intel": ("mac-i7-9750h-16gb", 2, {
        "cpu.model": "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", "cpu.vendor": "GenuineIntel", "cpu.physical_cores": 6,
        "cpu.logical_cores": 12, "cpu.performance_cores": None, "cpu.max_mhz": 2600.0, "memory.type": "DDR4",
        "cpu.instruction_sets": ["SSE4.2", "AVX", "F16C", "FMA", "AVX2"], "memory.speed_mt_s": 2667,
        "accelerators[0].unified_memory": True, "accelerators[0].vendor": "Intel", "accelerators[1].vendor": "AMD",
        "accelerators[1].memory_bytes": 4 * GIB, "accelerators[1].unified_memory": False,
        "accelerators[1].interface": "metal", "power.mode": "automatic"}),
    "windows-nvidia": ("rtx-4070-ti-12gb", 2, {
        "system.name": "Microsoft Windows 11 Pro", "system.version": "10.0.22631", "cpu.physical_cores": 16,
        "system.product": "Micro-Star International Co., Ltd. MS-7D25", "cpu.logical_cores": 24, "cpu.max_mhz": 3400.0,
        "cpu.instruction_sets": ["SSE4.2", "AVX", "AVX2"], "memory.physical_bytes": 32 * GIB, "memory.type": "DDR5",
        "memory.speed_mt_s": 5200, "accelerators[0].vendor": "Intel", "accelerators[0].driver": "31.0.101.5333",
        "accelerators[1].name": "NVIDIA GeForce RTX 4070 Ti", "accelerators[1].memory_bytes": 12282 << 20,
        "accelerators[1].interface": "cuda", "accelerators[1].driver": "560.94", "accelerators[1].power_limit_w": 285.0,
        "power.source": None, "power.mode": "high-performance", "surroundings.wsl": "none"}),
    "wsl2": ("rtx-3060-12gb", 1, {
        "surroundings.wsl": "WSL2", "surroundings.virtual_machine": "Microsoft", "accelerators[0].interface": "cuda",
        "accelerators[0].memory_bytes": 12 * GIB, "accelerators[0].power_limit_w": None, "cpu.physical_cores": 8}),
    "termux-phone": ("pixel-8-pro-12gb", 1, {
        "system.name": "Android", "system.version": "14", "system.product": "Google Pixel 8 Pro", "cpu.model": "Google Tensor G3",
        "cpu.performance_cores": 5, "cpu.efficiency_cores": 4, "surroundings.termux": "0.118.0",
        "cpu.instruction_sets": ["NEON", "FP16", "dotprod", "i8mm", "BF16", "SVE", "SVE2"],
        "accelerators[0].name": "Mali-G715", "accelerators[0].interface": "vulkan", "accelerators[0].unified_memory": True}),
    "container-v2": ("epyc-7543-16gb", 0, {
        "memory.usable_bytes": 16 * GIB, "memory.physical_bytes": 269895712768, "cpu.usable_cores": 2.5, "cpu.logical_cores": 64,
        "surroundings.container": "docker"}),
    "container-v1": ("xeon-gold-6430-8gb", 0, {
        "memory.usable_bytes": 8 * GIB, "cpu.usable_cores": 4.0, "cpu.physical_cores": 8, "surroundings.container": "kubernetes",
        "surroundings.virtual_machine": "KVM", "cpu.instruction_sets": [
            "SSE4.2", "AVX", "F16C", "FMA", "AVX2", "AVX-VNNI", "AVX-512F", "AVX-512-VNNI", "AVX-512-BF16", "AVX-512-FP16",
            "AMX-TILE", "AMX-INT8", "AMX-BF16"]}),
    "two-gpus": ("2x-h100-80gb", 2, {
        "cpu.physical_cores": 48, "memory.physical_bytes": 512 * GIB, "memory.type": "DDR5", "memory.speed_mt_s": 4400,
        "accelerators[0].power_limit_w": 700.0, "accelerators[1].power_limit_w": 650.0,
        "accelerators[1].name": "NVIDIA H100 80GB HBM3", "cpu.max_mhz": 4000.0}),
}

EXPECTED.update({
    # memory that the processor's graphics share
    "strix-halo-carve-out": ("ryzen-ai-max-395-128gb", 1, {
        "memory.usable_bytes": 33285996544, "memory.physical_bytes": 128 * GIB, "accelerators[0].name": "AMD Radeon 8060S",
        "accelerators[0].memory_bytes": 96 * GIB, "accelerators[0].unified_memory": True, "accelerators[0].interface": "rocm",
        "accelerators[0].cores": 40, "cpu.instruction_sets": ["SSE4.2", "AVX", "F16C", "FMA", "AVX2", "AVX-512F"]}),
    "hawk-point-rocm-smi": ("ryzen-7-8845hs-32gb", 1, {
        "memory.physical_bytes": (28521267 << 10) + 4 * GIB, "accelerators[0].name": "AMD Radeon 780M",
        "accelerators[0].unified_memory": True, "accelerators[0].memory_bytes": 4 * GIB}),
    "dgx-spark": ("gb10-128gb", 1, {
        "cpu.model": "GB10", "cpu.performance_cores": 10, "cpu.efficiency_cores": 10, "cpu.max_mhz": 3900.0,
        "accelerators[0].name": "NVIDIA GB10", "accelerators[0].unified_memory": True, "accelerators[0].memory_bytes": None,
        "accelerators[0].interface": "cuda", "accelerators[0].driver": "580.95.05"}),
    "jetson-orin-nano": ("jetson-orin-nano-8gb", 1, {
        "memory.physical_bytes": 8 * GIB, "cpu.model": "Cortex-A78AE", "accelerators[0].vendor": "NVIDIA",
        "accelerators[0].name": "Orin (nvgpu)", "accelerators[0].driver": "540.4.0", "accelerators[0].interface": "cuda",
        "accelerators[0].unified_memory": True}),
    "jetson-xavier-jetpack4": ("jetson-xavier-nx-8gb", 1, {
        "accelerators[0].name": "NVIDIA Xavier", "accelerators[0].unified_memory": True, "accelerators[0].interface": None}),
    "steam-deck-oled": ("steam-deck-oled-16gb", 1, {"memory.physical_bytes": (15204352 << 10) + GIB,
                                                    "accelerators[0].unified_memory": True}),
    "ryzen-ai-two-kinds": ("ryzen-ai-9-hx-370-32gb", 1, {
        "cpu.performance_cores": 4, "cpu.efficiency_cores": 8, "cpu.core_kinds": ["4 of 5158 MHz", "8 of 3305 MHz"],
        "memory.physical_bytes": 32 * GIB, "accelerators[0].name": "AMD Radeon 890M", "accelerators[0].unified_memory": True}),
    # cards whose driver does not report their memory, and names that several products share
    "arc-a770-linux": ("arc-a770-16gb", 2, {
        "accelerators[0].unified_memory": True, "accelerators[1].name": "Arc A770", "accelerators[1].memory_bytes": 16 * GIB,
        "accelerators[1].unified_memory": False}),
    "arc-b580-linux": ("arc-b580-12gb", 1, {"accelerators[0].memory_bytes": 12 * GIB, "accelerators[0].interface": "vulkan"}),
    "nvml-mismatch": ("rtx-3090-24gb", 1, {"accelerators[0].memory_bytes": 24 * GIB, "accelerators[0].interface": None,
                                           "accelerators[0].driver": "535.161.07"}),
    "rx-7900-xtx-lspci": ("radeon-rx-7900-xtx-24gb", 1, {"accelerators[0].name": "AMD Radeon RX 7900 XTX",
                                                         "accelerators[0].unified_memory": False}),
    "max-q": ("rtx-2070-max-q-8gb", 2, {"accelerators[0].unified_memory": True, "accelerators[1].memory_bytes": 8 * GIB}),
    "notebook-card-asleep": ("rtx-4060-laptop-8gb", 2, {"accelerators[0].unified_memory": True, "accelerators[1].memory_bytes": 8 * GIB,
                                                        "accelerators[1].name": "GeForce RTX 4060 Laptop GPU"}),
    # partitions and errors
    "mig-slice": ("h100-mig-3g-40gb", 1, {"accelerators[0].name": "NVIDIA H100 80GB HBM3 MIG 3g.40gb",
                                          "accelerators[0].memory_bytes": 40 * GIB}),
    "mig-container": ("a100-sxm4-mig", 1, {"accelerators[0].memory_bytes": None, "accelerators[0].unified_memory": False,
                                           "memory.usable_bytes": 64 * GIB}),
    "gpu-lost": ("rtx-3090-24gb", 2, {"accelerators[0].power_limit_w": None, "accelerators[1].name": None,
                                      "accelerators[1].driver": None, "accelerators[1].interface": "none"}),
    "mi300x-guest": ("instinct-mi300x-vf-192gb", 1, {"accelerators[0].cores": 304, "accelerators[0].interface": "rocm",
                                                     "accelerators[0].driver": "6.12.12"}),
    "mi300a": ("instinct-mi300a-512gb", 4, {"memory.usable_bytes": 501 * GIB, "memory.physical_bytes": 501 * GIB,
                                            "accelerators[0].memory_bytes": None, "accelerators[0].unified_memory": True}),
    "phone-market-name": ("xiaomi-15-pro-16gb", 1, {"system.product": "Xiaomi 15 Pro", "cpu.performance_cores": 2, "cpu.efficiency_cores": 6}),
    "asahi-no-capacity": ("macbook-pro-16-inch-m2-max-2023-96gb", 1, {"cpu.performance_cores": 8, "cpu.efficiency_cores": 4}),
    # containers
    "lxc": ("ryzen-9-5950x-2gb", 0, {"memory.usable_bytes": 2 * GIB, "memory.physical_bytes": 2 * GIB,
                                        "cpu.physical_cores": None, "surroundings.container": "lxc"}),
    "coarse-blocks": ("i9-11900-64gb", 0, {"memory.physical_bytes": 64 * GIB}),
    # names and cores
    "thinkpad": ("ultra-7-155h-32gb", 0, {
        "system.product": "LENOVO ThinkPad X1 Carbon Gen 12", "cpu.physical_cores": 14, "cpu.performance_cores": 2,
        "cpu.efficiency_cores": 12, "cpu.core_kinds": ["2 performance", "10 efficiency", "2 low-power efficiency"]}),
    "ampere-altra": ("ampere-altra-q80-30-256gb", 0, {"cpu.model": "Ampere(R) Altra(R) Processor Q80-30",
                                                         "cpu.physical_cores": 80}),
    "snapdragon-linux": ("snapdragon-x-elite-x1e78100-qualcomm-oryon-32gb", 0, {
        "cpu.model": "Snapdragon(R) X Elite - X1E78100 - Qualcomm(R) Oryon(TM) CPU", "cpu.max_mhz": 4012.8,
        "cpu.performance_cores": 8, "cpu.efficiency_cores": 4, "system.product": "LENOVO ThinkPad T14s Gen 6"}),
    "asahi": ("macbook-pro-14-inch-m1-pro-2021-16gb", 1, {
        "cpu.model": "Apple M1 Pro", "cpu.max_mhz": 3036.0, "cpu.performance_cores": 8, "cpu.efficiency_cores": 2,
        "accelerators[0].vendor": "Apple", "accelerators[0].name": "Apple M1 Pro", "accelerators[0].unified_memory": True}),
    "loongarch": ("loongson-3a5000-16gb", 0, {"cpu.model": "Loongson-3A5000", "cpu.vendor": "Loongson",
                                                 "cpu.physical_cores": 4, "cpu.instruction_sets": ["LSX", "LASX"]}),
    "rosetta": ("mac-m2-pro-32gb", 1, {"cpu.model": "Apple M2 Pro", "cpu.vendor": "Apple", "cpu.instruction_sets": ["NEON"],
                                       "system.architecture": "arm64"}),
    "mac-three-levels": ("mac-m6-32gb", 1, {"cpu.performance_cores": 6, "cpu.efficiency_cores": 6,
                                            "cpu.core_kinds": ["2 Super", "4 Performance", "6 Efficiency"],
                                            "accelerators[0].interface": "metal"}),
    # WSL and Windows
    "wsl2-radeon": ("radeon-rx-6800-xt-16gb", 1, {"accelerators[0].name": "AMD Radeon RX 6800 XT", "accelerators[0].vendor": "AMD",
                                                  "accelerators[0].interface": "vulkan"}),
    "windows-lunar-lake": ("ultra-5-226v-16gb", 1, {
        "system.product": "LENOVO ThinkPad X1 Carbon Gen 13", "accelerators[0].interface": "vulkan",
        "accelerators[0].unified_memory": True, "power.source": "ac"}),
    "windows-strix-halo": ("ryzen-ai-max-395-128gb", 1, {"accelerators[0].unified_memory": True,
                                                         "accelerators[0].memory_bytes": 96 * GIB}),
    "windows-two-drivers": ("radeon-rx-580-8gb", 2, {
        "accelerators[0].name": "NVIDIA GeForce GTX 1060 6GB", "accelerators[0].interface": "cuda",
        "accelerators[0].driver": "456.71", "accelerators[1].memory_bytes": 8 * GIB}),
    "windows-snapdragon": ("snapdragon-x-elite-x1e78100-qualcomm-oryon-16gb", 1, {
        "accelerators[0].driver": "v31.0.96.0", "accelerators[0].unified_memory": True, "accelerators[0].vendor": "Qualcomm",
        "system.product": "LENOVO Yoga Slim 7 14Q8X9"}),
    "windows-arc-a770": ("arc-a770-pc", 1, {"accelerators[0].memory_bytes": None, "accelerators[0].unified_memory": False}),
})
