"""The suggested device tag: one that a person would choose, and one that the rules take whatever a machine says."""
from __future__ import annotations

import random
import unittest

import support

from base import facts, names
from measure import hardware
from measure.hardware import device_tag, gpu
from measure.hardware.machine import Platform

GIB = 2 ** 30


class Tags(unittest.TestCase):
    def tag(self, chip: str = "", memory: int | None = 8 * GIB, system: str = "linux", architecture: str = "x86_64",
            accelerators: list = (), product: tuple = (None, ""), termux: str = "none", vendor: str | None = None) -> str:
        def fact(value: object, method: str = "m") -> dict:
            return {"value": value, "method": method}
        found = {"cpu": {"model": fact(chip), "vendor": fact(vendor)}, "system": {"product": fact(*product)}, "surroundings": {"termux": fact(termux)},
                 "memory": {"usable_bytes": fact(memory), "physical_bytes": fact(None)}, "accelerators": fact(list(accelerators))}
        return device_tag.suggest(found, Platform(system, architecture=architecture))

    def test_chips_of_every_maker_give_a_tag_that_a_person_would_choose(self):
        for chip, expected in (
                ("AMD Ryzen 7 7840U w/ Radeon 780M Graphics", "ryzen-7-7840u-8gb"),
                ("AMD Ryzen 9 7950X 16-Core Processor", "ryzen-9-7950x-8gb"),
                ("AMD Ryzen 5 PRO 4650U with Radeon Graphics", "ryzen-5-pro-4650u-8gb"),
                ("AMD Ryzen Threadripper PRO 5995WX 64-Cores", "ryzen-threadripper-pro-5995wx-8gb"),
                ("AMD FX(tm)-8350 Eight-Core Processor", "fx-8350-8gb"),
                ("AMD EPYC 7763 64-Core Processor", "epyc-7763-8gb"),
                ("Intel(R) Core(TM) i7-8700K CPU @ 3.70GHz", "i7-8700k-8gb"),
                ("13th Gen Intel(R) Core(TM) i9-13900K", "i9-13900k-8gb"),
                ("Intel(R) Core(TM) Ultra 7 155H", "ultra-7-155h-8gb"),
                ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", "xeon-e5-2680-v4-8gb"),
                ("Intel(R) Xeon(R) Processor @ 2.20GHz", "xeon-8gb"),
                ("Intel(R) Core(TM) 7 240H", "core-7-240h-8gb"), ("Intel(R) Core(TM)2 Duo CPU E8400 @ 3.00GHz", "core-2-duo-e8400-8gb"),
                ("AMD A10-7850K Radeon R7, 12 Compute Cores 4C+8G", "a10-7850k-8gb"), ("Apple Silicon", "apple-silicon-8gb"),
                ("AMD Instinct MI300A Accelerator", "instinct-mi300a-8gb"),
                ("Intel(R) N100", "n100-8gb"), ("Cortex-A76", "cortex-a76-8gb"), ("aarch64", "aarch64-8gb")):
            with self.subTest(chip):
                self.assertEqual(self.tag(chip), expected)

    def test_boards_and_phones_are_called_by_their_product(self):
        board = "/proc/device-tree/model"
        for name, method, termux, expected in (
                ("Raspberry Pi 5 Model B Rev 1.0", board, "none", "raspberry-pi-5-8gb"),
                ("Raspberry Pi 3 Model B Plus Rev 1.3", board, "none", "raspberry-pi-3-plus-8gb"),
                ("Raspberry Pi Zero 2 W Rev 1.0", board, "none", "raspberry-pi-zero-2-w-8gb"),
                ("StarFive VisionFive 2 v1.3B", board, "none", "starfive-visionfive-2-8gb"),
                ("Google Pixel 8 Pro", "getprop", "0.118.0", "pixel-8-pro-8gb"),
                ("samsung SM-S928B", "getprop", "0.118.0", "samsung-sm-s928b-8gb"),
                ("LENOVO 21CB", "/sys/class/dmi/id/product_name", "none", "n100-8gb")):
            with self.subTest(name):
                self.assertEqual(self.tag("Intel(R) N100", product=(name, method), termux=termux), expected)

    def test_the_size_is_the_one_that_was_sold(self):
        """A phone's system keeps up to a tenth, and no phone has 10 or 11 GB; a Raspberry Pi Zero has half of one."""
        board = ("Raspberry Pi Zero 2 W Rev 1.0", "/proc/device-tree/model")
        for product, termux, gib, expected in (
                (("samsung SM-S938B", "getprop"), "0.118.0", 10.97, "samsung-sm-s938b-12gb"),
                (("OnePlus 13", "getprop"), "0.118.0", 14.69, "oneplus-13-16gb"), (board, "none", 0.41, "raspberry-pi-zero-2-w-512mb")):
            with self.subTest(product):
                self.assertEqual(self.tag("Cortex-A53", int(gib * GIB), product=product, termux=termux), expected)

    def card(self, name: str, gib: float, unified: bool | None = False, interface: str | None = "cuda", watts: float | None = None) -> dict:
        return gpu.merged({"name": facts.known(name, "m"), "memory_bytes": facts.known(int(gib * GIB), "m"),
                             "power_limit_w": facts.optional(watts, "m", "w"),
                             "unified_memory": facts.optional(unified, "m", "w"), "interface": facts.optional(interface, "m", "w")})

    def test_a_card_that_computes_gives_the_machine_its_name(self):
        for name, gib, expected in (
                ("NVIDIA GeForce RTX 4090", 23.99, "rtx-4090-24gb"), ("NVIDIA GeForce GTX 1060 6GB", 6, "gtx-1060-6gb"),
                ("NVIDIA GeForce RTX 4060 Laptop GPU", 7.99, "rtx-4060-laptop-8gb"), ("Tesla T4", 15, "tesla-t4-16gb"),
                ("NVIDIA H100 80GB HBM3", 79.6, "h100-80gb"), ("NVIDIA A100-SXM4-40GB", 40, "a100-sxm4-40gb"),
                ("NVIDIA RTX 6000 Ada Generation", 47.99, "rtx-6000-ada-48gb"), ("NVIDIA A10G", 22.49, "a10g-24gb"),
                ("Radeon RX 7900 XTX", 23.98, "radeon-rx-7900-xtx-24gb"),
                ("Intel(R) Arc(TM) A770 Graphics", 16, "arc-a770-16gb"),
                ("NVIDIA TITAN Xp", 11.9, "titan-xp-12gb"), ("NVIDIA GeForce GTX 1060 3GB", 2.948, "gtx-1060-3gb"),
                ("NVIDIA GeForce RTX 2070 with Max-Q Design", 8, "rtx-2070-max-q-8gb"),
                ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", 95.6, "rtx-pro-6000-blackwell-max-q-workstation-96gb"),
                ("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 40, "h100-mig-3g-40gb"), ("NVIDIA A10-24Q", 23.94, "a10-24q-24gb"),
                ("Navi 48 [Radeon RX 9070/9070 XT/9070 GRE]", 15.92, "navi-48-16gb")):
            with self.subTest(name):
                self.assertEqual(self.tag("Intel(R) N100", accelerators=[self.card(name, gib)]), expected)

    def test_a_card_whose_memory_is_unknown_still_gives_the_machine_its_name(self):
        for name, expected in (("Intel(R) Arc(TM) A770 Graphics", "arc-a770-pc"), ("NVIDIA A100-SXM4-80GB MIG", "a100-sxm4-mig"),
                               ("GeForce RTX 3060", "rtx-3060-pc"), ("Radeon RX 580 Series", "radeon-rx-580-pc"),
                               ("GeForce GT 710", "n100-8gb"), ("Radeon HD 5450", "n100-8gb"), ("NVIDIA GeForce 8400 GS", "n100-8gb")):
            card = {**self.card(name, 1), "memory_bytes": facts.unknown("w")}
            self.assertEqual(self.tag("Intel(R) N100", accelerators=[card]), expected)

    def test_two_slices_of_one_kind_are_not_two_cards_since_cuda_uses_one(self):
        slices = [self.card("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 40)] * 2
        self.assertEqual(self.tag("Intel(R) N100", accelerators=slices), "h100-mig-3g-40gb")

    def test_nvidia_s_chips_that_share_main_memory_are_known_by_their_board_or_their_name(self):
        board, firmware = "/proc/device-tree/model", "/sys/class/dmi/id/product_name"
        for name, product, memory, expected in (
                ("NVIDIA GB10", ("NVIDIA_DGX_Spark", firmware), 119.6, "gb10-128gb"),
                ("Orin (nvgpu)", ("NVIDIA Orin Nano Developer Kit", board), 6.3, "jetson-orin-nano-8gb"),
                ("Orin (nvgpu)", ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", board), 7.4, "jetson-orin-nano-super-8gb"),
                ("Orin (nvgpu)", ("NVIDIA Jetson AGX Orin Developer Kit", board), 29.8, "jetson-agx-orin-32gb"),
                ("Orin (nvgpu)", (None, ""), 61.4, "jetson-orin-64gb"),
                ("NVIDIA Thor", ("NVIDIA Jetson AGX Thor Developer Kit", board), 122.8, "jetson-agx-thor-128gb")):
            with self.subTest(f"{name} {product[0]}"):
                card = {**self.card(name, 1, True), "memory_bytes": facts.unknown("w"), "vendor": facts.known("NVIDIA", "m")}
                self.assertEqual(self.tag("Cortex-A78AE", int(memory * GIB), product=product, accelerators=[card]), expected)

    def test_a_steam_deck_is_called_by_its_name(self):
        for product, expected in (("Valve Jupiter", "steam-deck-8gb"), ("Valve Galileo", "steam-deck-oled-8gb")):
            self.assertEqual(self.tag("AMD Custom APU 0405", product=(product, "/sys/class/dmi/id/product_name")), expected)

    def test_without_a_model_the_vendor_and_the_architecture_name_the_machine(self):
        for vendor, expected in (("Apple", "apple-aarch64-8gb"), (None, "aarch64-8gb"), ("ARM", "arm-aarch64-8gb")):
            self.assertEqual(self.tag("", architecture="aarch64", vendor=vendor), expected)

    def test_a_card_that_does_not_compute_gives_none(self):
        for what, card in (("shares main memory", self.card("AMD Radeon 8060S", 16, True)),
                           ("no interface", self.card("GT 1030", 4, False, "none")),
                           ("too small", self.card("GeForce GT 710", 2)),
                           ("no product's name", self.card("AMD Radeon Graphics", 4, None, None))):
            with self.subTest(what):
                self.assertEqual(self.tag("Intel(R) N100", accelerators=[card]), "n100-8gb")

    def test_of_several_cards_the_largest_counts_and_equal_ones_are_counted(self):
        small, large = self.card("Quadro P400", 4), self.card("NVIDIA GeForce RTX 3090", 24)
        for found, expected in (([small, large], "rtx-3090-24gb"), ([large, small, large], "2x-rtx-3090-24gb")):
            self.assertEqual(self.tag("Intel(R) N100", accelerators=found), expected)
        equal = [self.card("NVIDIA GeForce RTX 3090", 24, watts=350.0), self.card("Tesla P40", 24, watts=250.0)]
        self.assertEqual(self.tag("Intel(R) N100", accelerators=equal), "rtx-3090-24gb")

    def test_a_mac_says_that_it_is_one(self):
        for chip, expected in (("Apple M1", "mac-m1-8gb"), ("Apple M2 Pro", "mac-m2-pro-8gb"),
                               ("Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", "mac-i7-9750h-8gb"), ("Apple", "mac-8gb")):
            with self.subTest(chip):
                self.assertEqual(self.tag(chip, system="darwin", accelerators=[self.card("AMD Radeon Pro 5500M", 8)]), expected)

    def test_memory_is_what_was_sold_and_not_what_is_left_of_it(self):
        for memory, size in ((8 * GIB, "8gb"), (int(23.4 * GIB), "24gb"), (int(0.9 * GIB), "1gb"), (1, "1gb"),
                             (int(62.7 * GIB), "64gb"), (int(125.6 * GIB), "128gb"), (int(13.5 * GIB), "14gb"),
                             (int(27.3 * GIB), "28gb"), (1024 * GIB, "1024gb")):
            with self.subTest(memory=memory):
                self.assertEqual(self.tag("Apple M1", memory), f"m1-{size}")

    def test_whatever_is_unknown_the_tag_is_one_that_can_be_submitted(self):
        """A machine that told neither its memory nor its architecture was called `cpu-`, which the rules refuse."""
        for chip in ("", "Processor", "Apple", "AMD", "\u9f99\u82af", "---", "unknown", "con", "\x00\n"):
            for memory in (8 * GIB, None):
                for architecture in ("x86_64", "aarch64", "arm", "AMD64", "", "x" * 60):
                    with self.subTest(chip=chip, memory=memory, architecture=architecture):
                        found = self.tag(chip, memory, architecture=architecture)
                        self.assertIsNone(names.device_tag_problem(found), found)

    def test_no_name_of_a_chip_however_odd_gives_a_tag_that_is_refused(self):
        chance = random.Random(7)
        parts = ["Intel(R)", "Core(TM)", "AMD", "CPU", "@ 2.4GHz", "i5-1240P", "w/ Radeon", "-", "--", " ", "\u00e9", "con",
                 "X" * 60, "8-Core", "12th Gen", "(", ")", "_", "with", "7", "Apple", "virtual", "\t", "16GB", "Model B", "Rev 1"]
        for _ in range(500):
            chip = " ".join(chance.choices(parts, k=chance.randrange(6)))
            for system in ("linux", "darwin", "windows"):
                for memory in (8 * GIB, 1024 * GIB, None):
                    found = self.tag(chip, memory, system)
                    self.assertIsNone(names.device_tag_problem(found), f"{chip!r} on {system}: {found!r}")

    def test_a_long_name_is_cut_and_the_memory_stays(self):
        found = self.tag("Snapdragon(R) X Elite - X1E80100 - Qualcomm(R) Oryon(TM) CPU", 1024 * GIB)
        self.assertLessEqual(len(found), 48)
        self.assertRegex(found, r"\Asnapdragon-x-elite-x1e80100-.*[a-z0-9]-1024gb\Z")

    def test_a_slug_is_lower_case_words_and_single_hyphens(self):
        for text, slug in (("Ryzen 7 7840U", "ryzen-7-7840u"), ("  a__b--c  ", "a-b-c"), ("x86_64", "x86-64"), ("", ""),
                           ("\u00e9\u4e2d", ""), ("(R)", "r"), ("\u0130X", "i-x")):
            with self.subTest(text):
                self.assertEqual(hardware.slug(text), slug)


if __name__ == "__main__":
    unittest.main()
