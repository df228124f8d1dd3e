"""Memory sizes: the size under which a card or a main memory was sold, whatever drivers and error correction keep of it."""
from __future__ import annotations

import unittest

import support

from measure.hardware import products

GIB, MIB = 2 ** 30, 2 ** 20


class Cards(unittest.TestCase):
    def test_what_nvidia_smi_shows_becomes_the_size_that_is_sold(self):
        for name, mib, sold in (
                ("Tesla P40", 22919, 24), ("Tesla P40", 23040, 24), ("Tesla M40", 11448, 12), ("Tesla M40 24GB", 22945, 24),
                ("Tesla T4", 15079, 16), ("Tesla T4", 14910, 16), ("Tesla T4", 15360, 16), ("Quadro RTX 6000", 22698, 24),
                ("Quadro RTX 8000", 45556, 48), ("NVIDIA B200", 183359, 180), ("NVIDIA H200", 143771, 141),
                ("NVIDIA GH200 480GB", 97871, 96), ("NVIDIA H100 NVL", 95830, 94), ("NVIDIA H100 80GB HBM3", 81559, 80),
                ("NVIDIA A100-SXM4-40GB", 40536, 40), ("NVIDIA A10G", 22731, 24), ("NVIDIA RTX A4500", 19195, 20),
                ("NVIDIA RTX A2000 12GB", 11514, 12), ("NVIDIA L40S", 46068, 48), ("NVIDIA GeForce GTX 1060 3GB", 3019, 3),
                ("NVIDIA TITAN X (Pascal)", 12192, 12), ("GeForce GTX 1080 Ti", 11172, 11), ("Tesla K80", 11441, 12),
                ("Tesla M60", 7618, 8), ("Tesla V100-PCIE-32GB", 32510, 32), ("NVIDIA GeForce RTX 2080 Ti", 22528, 22),
                ("NVIDIA GeForce RTX 3080", 10018, 10), ("NVIDIA A10-24Q", 24512, 24), ("Quadro P2000", 5059, 5),
                ("NVIDIA GeForce RTX 5090", 32607, 32), ("NVIDIA RTX PRO 6000 Blackwell", 97887, 96),
                ("NVIDIA A100-SXM4-80GB MIG 3g.40gb", 40 * 1024, 40), ("AMD Instinct MI300X", 196584, 192)):
            with self.subTest(f"{name} {mib}"):
                self.assertEqual(products.card_gb(mib * MIB, name), sold)

    def test_the_memory_of_a_card_follows_from_its_name_where_it_was_sold_with_one_size(self):
        for name, gb in (
                ("GeForce RTX 3090", 24), ("NVIDIA GeForce RTX 4090 Laptop GPU", 16), ("GeForce RTX 4090", 24),
                ("GeForce RTX 3060", None), ("GeForce RTX 3060 Mobile / Max-Q", 6), ("GeForce GTX 1650 Mobile", 4),
                ("GeForce RTX 3050 Ti Laptop GPU", 4), ("GeForce RTX 3050 Laptop GPU", None), ("GeForce RTX 3080", None),
                ("NVIDIA A100-SXM4-80GB", 80), ("NVIDIA GH200 480GB", None), ("Radeon RX 7900 XT", 20),
                ("Radeon RX 7900 XTX", 24), ("Radeon RX 580 Series", None), ("Intel(R) Arc(TM) A770 Graphics", None),
                ("Arc B580", 12), ("Intel(R) Arc(tm) A380 Graphics", 6), ("NVIDIA L4", 24), ("NVIDIA L40", 48), ("", None),
                (None, None), ("Tesla T4", 16), ("GeForce GT 710", None)):
            with self.subTest(name):
                self.assertEqual(products.card_bytes(name), gb and gb * GIB)

    def test_of_several_sizes_the_memory_window_chooses(self):
        for name, window, gb in (("Arc A770", 16, 16), ("Arc A770", 8, 8), ("Intel(R) Arc(TM) A770 Graphics", 16, 16),
                                 ("Arc A770", 1, None), ("GeForce RTX 3090", 32, None)):
            with self.subTest(f"{name} {window}"):
                self.assertEqual(products.largest_within(name, window * GIB), gb and gb * GIB)


class MainMemory(unittest.TestCase):
    def test_what_the_system_leaves_becomes_the_size_that_is_installed(self):
        for gib, sold in ((119.635, 128), (29.82, 32), (15.5, 16), (62.7, 64), (510.0, 512), (13.5, 14), (27.3, 28), (31.2, 32)):
            with self.subTest(gib=gib):
                self.assertEqual(products.main_gb(int(gib * GIB)), sold)

    def test_a_board_whose_firmware_keeps_much_has_a_power_of_two(self):
        for gib, sold in ((6.3, 8), (7.4, 8), (3.8, 4), (29.8, 32), (61.4, 64), (122.8, 128), (8.0, 8), (0.9, 1)):
            with self.subTest(gib=gib):
                self.assertEqual(products.power_of_two_gb(int(gib * GIB)), sold)


if __name__ == "__main__":
    unittest.main()
