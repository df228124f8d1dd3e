"""Names of graphics: which are a part of the processor, which are cards, and which are one device under two spellings."""
from __future__ import annotations

import unittest

import support

from measure.hardware import gpu, integrated, pci, vulkan, windows_gpus

GIB = 2 ** 30


class Integrated(unittest.TestCase):
    def test_a_name_shows_whether_it_is_a_part_of_the_processor(self):
        for expected, names in {
            True: ("AMD Radeon(TM) Graphics", "AMD Radeon (TM) Graphics", "AMD Radeon Graphics", "Radeon 680M", "AMD Radeon 780M Graphics",
                   "AMD Radeon(TM) 890M Graphics", "AMD Radeon(TM) 8060S Graphics", "AMD Radeon(TM) RX Vega 11 Graphics",
                   "AMD Radeon Vega 8 Graphics", "AMD Radeon R7 Graphics", "AMD Custom GPU 0405", "Strix Halo", "Phoenix3", "Raphael",
                   "Rembrandt [Radeon 680M]", "Intel(R) UHD Graphics 770", "Intel(R) HD Graphics 530", "Intel(R) Iris(R) Xe Graphics",
                   "Intel(R) Graphics", "Intel(R) Arc(TM) Graphics", "Intel(R) Arc(TM) 130V GPU (16GB)", "Intel(R) Arc(TM) Pro 140T GPU",
                   "Intel(R) Arc(TM) B390 GPU", "Qualcomm(R) Adreno(TM) X1-85 GPU", "Mali-G715", "V3D 7.1", "Apple M1 Pro",
                   "Orin (nvgpu)", "NVIDIA GB10", "NVIDIA Thor"),
            False: ("AMD Radeon RX 7900 XTX", "Radeon RX Vega 64", "AMD Radeon Pro W7900", "AMD Radeon AI PRO R9700", "Radeon VII",
                    "AMD Instinct MI300X", "Intel(R) Arc(TM) A770 Graphics", "Intel(R) Arc(tm) B580 Graphics", "Intel(R) Arc(TM) Pro B50 Graphics",
                    "Intel(R) Iris(R) Xe MAX Graphics", "NVIDIA GeForce RTX 4090", "Quadro P400", "Tesla T4", "NVIDIA TITAN RTX"),
            None: ("NVIDIA H100 80GB HBM3", "Radeon 550", "AMD Radeon HD 7900 Series", "", None),
        }.items():
            for name in names:
                with self.subTest(name):
                    self.assertIs(integrated.by_name(name), expected)

    def test_a_pci_id_shows_it_and_intel_s_own_graphics_are_on_the_root_bus(self):
        for ids, place, expected in (((0x1002, 0x1586), "0000:c3:00.0", True), ((0x1002, 0x744C), "0000:03:00.0", None),
                                     ((0x8086, 0xA780), "0000:00:02.0", True), ((0x8086, 0x56A0), "0000:03:00.0", False),
                                     ((0x8086, 0x56A0), "0000:00:10.0", False), ((0x10DE, 0x2204), "0000:00:09.0", None)):
            with self.subTest(f"{ids} {place}"):
                self.assertIs(integrated.by_device(ids, place), expected)

    def test_memory_that_is_missing_from_main_memory_is_shared(self):
        for own, usable, modules, expected in ((96, 31.0, 128, True), (4, 27.2, 32, True), (24, 62.6, 64, None), (24, 31.2, 32, None),
                                               (0.5, 31.2, 32, None), (16, 15.5, 16, None), (16, 31.2, None, None), (None, 31, 32, None)):
            with self.subTest(own=own, usable=usable, modules=modules):
                sizes = [size and int(size * GIB) for size in (own, usable, modules)]
                self.assertIs(integrated.by_memory(*sizes), expected)

    def test_the_processor_names_its_graphics_where_their_own_name_says_less(self):
        for cpu, name in (("AMD Ryzen 7 8845HS w/ Radeon 780M Graphics", "AMD Radeon 780M"),
                          ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", "AMD Radeon 8060S"),
                          ("AMD Ryzen 7 6800U with Radeon Graphics", None), ("AMD Ryzen 9 7950X 16-Core Processor", None), (None, None)):
            self.assertEqual(integrated.name_from_cpu(cpu), name)
        for name, vague in (("Phoenix3", True), ("HawkPoint1", True), ("AMD Radeon Graphics", True), ("Device 150e", True), (None, True),
                            ("Strix [Radeon 880M / 890M]", True), ("Radeon 680M", False), ("AMD Radeon RX 7900 XTX", False)):
            self.assertIs(integrated.is_vague(name), vague, name)


class Spellings(unittest.TestCase):
    def test_one_device_has_one_key_whoever_spells_its_name(self):
        for names in (("NVIDIA GeForce GTX 1060 6GB", "GeForce GTX 1060 6GB"), ("NVIDIA Tesla P40", "Tesla P40"),
                      ("Intel(R) Arc(TM) 130V GPU (16GB)", "Intel(R) Arc(TM) 130V GPU", "Intel Arc 130V GPU (16GB)"),
                      ("AMD Radeon(TM) 8060S Graphics", "Radeon 8060S Graphics", "AMD Radeon 8060S Graphics (RADV GFX1151)"),
                      ("Intel(R) Arc(TM) A770 Graphics", "Intel(R) Arc(tm) A770 Graphics (DG2)")):
            with self.subTest(names[0]):
                self.assertEqual(len({gpu.name_key(name) for name in names}), 1)
        self.assertNotEqual(gpu.name_key("NVIDIA GeForce RTX 4070"), gpu.name_key("NVIDIA GeForce RTX 4070 Ti"))

    def test_vulkan_s_drivers_add_their_name_of_the_chip_or_hide_the_product_in_brackets(self):
        for text, name in (("AMD Radeon RX 7900 XTX (RADV NAVI31)", "AMD Radeon RX 7900 XTX"), ("Apple M1 Pro (G13S C0)", "Apple M1 Pro"),
                           ("Microsoft Direct3D12 (AMD Radeon RX 6800 XT)", "AMD Radeon RX 6800 XT"),
                           ("Microsoft Direct3D12 (Qualcomm(R) Adreno(TM) X1-85 GPU)", "Qualcomm(R) Adreno(TM) X1-85 GPU"),
                           ("Virtio-GPU Venus (AMD Radeon RX 6800 XT (RADV NAVI21))", "AMD Radeon RX 6800 XT"),
                           ("Adreno (TM) 750", "Adreno (TM) 750")):
            self.assertEqual(vulkan.product(text), name)

    def test_vendors_are_called_by_their_names(self):
        for text, vendor in (("brcm,2712-v3d", "Broadcom"), ("nvidia,ga10b", "NVIDIA"), ("arm,mali-valhall-csf", "ARM"),
                             ("qcom,adreno-43050a01", "Qualcomm"), ("apple,agx-t6000", "Apple"), ("Advanced Micro Devices, Inc.", "AMD"),
                             ("Intel Corporation", "Intel"), ("Qualcomm Technologies Inc.", "Qualcomm"), ("something", None), (None, None)):
            self.assertEqual(gpu.vendor_of(text), vendor)

    def test_of_several_products_under_one_id_the_board_s_name_or_the_memory_chooses(self):
        listed = "Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]"
        for board, gib, name in (("NITRO+ RX 7900 XTX Vapor-X", 24, "Radeon RX 7900 XTX"), ("Device 7900", 24, "Radeon RX 7900 XTX"),
                                 ("Device 7900", 20, "Radeon RX 7900 XT"), (None, 16, None), ("RX 7900 GRE Pulse", 16, "Radeon RX 7900 GRE"),
                                 (None, None, None)):
            with self.subTest(f"{board} {gib}"):
                self.assertEqual(pci._one_of(pci.LspciName("AMD", listed, board), gib and gib * GIB), name)


class Windows(unittest.TestCase):
    def test_screens_without_a_device_are_no_accelerators(self):
        for name in ("OrayIddDriver Device", "RustDeskIddDriver Device", "spacedesk Graphics Adapter", "Red Hat QXL controller",
                     "Red Hat VirtIO GPU DOD controller", "Mirage Driver", "ASPEED Graphics Family(WDDM)", "Matrox G200eW3",
                     "Microsoft Basic Display Adapter", "Carte graphique de base Microsoft", "Parsec Virtual Display Adapter",
                     "Virtual Display Driver", "Citrix Indirect Display Adapter", "DisplayLink USB Device", "VMware SVGA 3D",
                     "Microsoft Remote Display Adapter", "(Standardgrafikkartentypen)", "IddSampleDriver Device", "Meta Virtual Monitor"):
            self.assertRegex(name, windows_gpus.NO_ACCELERATOR)
        for name in ("NVIDIA GeForce RTX 4090", "AMD Radeon RX 7900 XTX", "Intel(R) UHD Graphics 770", "Qualcomm(R) Adreno(TM) X1-85 GPU",
                     "Radeon (TM) RX 480 Graphics", "NVIDIA RTX 6000 Ada Generation", "Advanced Micro Devices, Inc.", "Intel Corporation"):
            self.assertNotRegex(name, windows_gpus.NO_ACCELERATOR)

    def test_a_size_that_fills_its_field_is_no_size(self):
        for size, expected in ((4293918720, None), (4294967295, None), (2147479552, None), (2147483648, 2147483648), (0, None), (None, None),
                               (536870912, 536870912), (4290772992, None), (3221225472, 3221225472)):
            self.assertEqual(windows_gpus._unsaturated(size), expected)

    def test_a_size_may_be_eight_bytes(self):
        for value, size in (([0, 0, 0, 0, 4, 0, 0, 0], 16 * GIB), (16 * GIB, 16 * GIB), (0, None), (None, None), ([0] * 8, None), ([1, 2], None),
                            (["x"] * 8, None), ("17179869184", 16 * GIB)):
            self.assertEqual(windows_gpus._size(value), size)


if __name__ == "__main__":
    unittest.main()
