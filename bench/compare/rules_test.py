# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Tests the arithmetic of the comparison with made-up numbers."""

import unittest

import catalogue
import report
import rules
from catalogue import Row, Strength


def rounds(*pairs):
    return [{"rate": rate, "server_ns": cpu} for rate, cpu in pairs]


ROW = Row("echo", "rivals", ("rival",), 1.00, 0.97)
STRONG = Strength("echo", ("bare",), "epoll", 1.08, "bare")
FAMILIES = {"rival": "asio", "bare": "bare"}


def judged(echo, row=ROW, strengths=()):
    return rules.judge({"echo": echo}, row, strengths, reference="bare", again="again",
                       family_of=FAMILIES.get)


def field(coil, rival=(100, 50), bare=(100, 50), again=(100, 50)):
    return {"coil": rounds(coil), "rival": rounds(rival), "bare": rounds(bare), "again": rounds(again)}


class PairedRatios(unittest.TestCase):
    def test_ratios_are_computed_within_rounds(self):
        # The machine's speed halves from round to round, but the ratio stays the same.
        drifting = {"a": rounds((400, 1), (200, 1), (100, 1)), "b": rounds((200, 1), (100, 1), (50, 1))}
        self.assertEqual(rules.paired_ratio(drifting, "a", "b", "rate"), rules.Ratio(2, 2, 2))

    def test_median_and_spread(self):
        some = {"a": rounds((1, 1), (2, 1), (9, 1)), "b": rounds((1, 1), (1, 1), (1, 1))}
        self.assertEqual(rules.paired_ratio(some, "a", "b", "rate"), rules.Ratio(2, 1, 9))

    def test_no_ratio_without_a_rival(self):
        self.assertIsNone(rules.paired_ratio({"a": rounds((1, 1))}, "a", "b", "rate"))
        self.assertIsNone(rules.paired_ratio({"a": rounds((1, 0)), "b": rounds((1, 0))}, "a", "b", "server_ns"))

    def test_the_hardest_rival_differs_per_metric(self):
        three = {"coil": rounds((100, 100)), "fast": rounds((200, 100)), "frugal": rounds((50, 50))}
        self.assertEqual(rules.hardest(three, "coil", ("fast", "frugal"), "rate").median, 0.5)
        self.assertEqual(rules.hardest(three, "coil", ("fast", "frugal"), "server_ns").median, 2)

    def test_every_second_round_is_reversed(self):
        self.assertEqual(rules.in_order("abc", 0), ["a", "b", "c"])
        self.assertEqual(rules.in_order("abc", 1), ["c", "b", "a"])


class Verdicts(unittest.TestCase):
    def test_a_void_verdict_states_the_result_otherwise(self):
        weak = field((100, 40), bare=(100, 50), again=(110, 50))
        self.assertEqual((judged(weak).result, judged(weak).otherwise), ("void", "met"))
        self.assertEqual(report.verdict_text(judged(weak)),
                         "void, else met: the two copies of the reference differ by 10.0%")
        worse = field((50, 40), bare=(100, 50), again=(110, 50))
        self.assertEqual(judged(worse).otherwise, "missed")

    def test_limits_can_be_widened(self):
        wider = rules.widened(ROW, 0.1)
        self.assertEqual(judged(field((91, 53)), wider).result, "met")
        self.assertEqual(judged(field((89, 53)), wider).result, "missed")
        self.assertEqual(judged(field((91, 54)), wider).result, "missed")
        self.assertIsNone(rules.widened(Row("echo", "rivals", ("rival",), None, 0.97), 0.1).throughput)
        self.assertAlmostEqual(rules.widened(Row("idle", "bytes", (), bytes_max=1000), 0.1).bytes_max, 1100)

    def test_met_at_the_limits(self):
        self.assertEqual(judged(field((100, 48.5))).result, "met")

    def test_missed_by_throughput_or_by_cpu(self):
        self.assertEqual(judged(field((99, 40))).result, "missed")
        self.assertEqual(judged(field((200, 49))).result, "missed")

    def test_a_limit_that_is_not_set_is_ignored(self):
        cpu_only = Row("echo", "rivals", ("rival",), None, 0.97)
        self.assertEqual(judged(field((1, 40)), cpu_only).result, "met")

    def test_void_if_the_references_differ(self):
        for again in ((97, 50), (103, 50), (100, 52), (100, 48)):
            verdict = judged(field((200, 10), again=again))
            self.assertEqual(verdict.result, "void")
            self.assertIn("two copies", verdict.reason)
        self.assertEqual(judged(field((200, 10), again=(101.9, 50.9))).result, "met")

    def test_void_if_the_reference_did_not_run_twice(self):
        without = field((200, 10))
        del without["again"]
        self.assertEqual(judged(without).result, "void")

    def test_void_if_not_measured(self):
        self.assertEqual(rules.judge({}, ROW, (), reference="bare", again="again",
                                     family_of=FAMILIES.get).reason, "not measured")

    def test_void_without_the_rival(self):
        alone = field((200, 10))
        del alone["rival"]
        self.assertEqual(judged(alone).reason, "no rival was measured")

    def test_a_weak_bare_ring_voids_rows_against_it(self):
        against_bare = Row("echo", "bare", ("bare",), 0.95, 1.06)
        weak, strong = field((100, 50)), field((100, 50))
        weak["epoll"], strong["epoll"] = rounds((95, 50)), rounds((92, 50))
        self.assertEqual(judged(strong, against_bare, (STRONG,)).result, "met")
        verdict = judged(weak, against_bare, (STRONG,))
        self.assertEqual(verdict.result, "void")
        self.assertIn("1.053 of epoll", verdict.reason)
        self.assertEqual(judged(weak, ROW, (STRONG,)).result, "missed")  # this row does not compare with the bare ring

    def test_void_if_a_strength_was_not_measured(self):
        self.assertIn("was not measured", judged(field((100, 50)), Row("echo", "bare", ("bare",), 0.95, 1.06),
                                                 (STRONG,)).reason)

    def test_a_weak_asio_voids_only_its_own_workload(self):
        here = Strength("echo", ("rival",), "bare", 0.9, "asio")
        elsewhere = Strength("other", ("rival",), "bare", 0.9, "asio")
        weak = field((100, 40), rival=(80, 50))
        self.assertEqual(judged(weak, ROW, (here,)).result, "void")
        self.assertEqual(judged(weak, ROW, (elsewhere,)).result, "met")

    def test_a_row_without_limits_only_shows_the_ratios(self):
        verdict = judged(field((100, 40)), Row("echo", "rivals", ("rival",)))
        self.assertEqual((verdict.result, verdict.cpu.median), ("no limit", 0.8))

    def test_memory(self):
        row = Row("echo", "bytes", (), bytes_max=1024)
        for size, result in ((1024, "met"), (1025, "missed")):
            verdict = judged({"coil": [{"malloc_bytes": size}]}, row)
            self.assertEqual((verdict.result, verdict.bytes_each), (result, size))
        self.assertEqual(judged({"coil": [{"resident_bytes": 1}]}, row).result, "void")

    def test_memory_beside_a_contender(self):
        row = Row("echo", "bytes", ("one", "other"), bytes_max=1024)
        beside = {"one": [{"malloc_bytes": 5000}], "other": [{"malloc_bytes": 4000}]}
        for size, result in ((5024, "met"), (5025, "missed")):
            verdict = judged({"coil": [{"malloc_bytes": size}], **beside}, row)
            self.assertEqual((verdict.result, verdict.bytes_each), (result, size - 4000))
        self.assertEqual(judged({"coil": [{"malloc_bytes": 1}], "one": beside["one"]}, row).result, "void")


class ComparedWithItself(unittest.TestCase):
    """Tests a workload in which coil is compared with coil, so that the reference is also the rival."""

    ROW = Row("trains", "coil without trains", ("without",), None, 0.25)

    def judged(self, coil, again=(100, 50)):
        ran = {"without": rounds((100, 50)), "again": rounds(again), "coil": rounds(coil)}
        return rules.judge({"trains": ran}, self.ROW, (STRONG,), reference="without", again="again",
                           family_of={"without": "reference", "coil": "coil"}.get)

    def test_met_and_missed(self):
        self.assertEqual(self.judged((50, 12.5)).result, "met")
        self.assertEqual(self.judged((900, 13)).result, "missed")

    def test_void_if_the_copies_differ(self):
        self.assertIn("two copies", self.judged((100, 10), again=(100, 52)).reason)


class Catalogue(unittest.TestCase):
    """Tests that the tables' references to each other are correct. A wrong name would make a row permanently void."""

    def test_rows_and_strengths_name_existing_contenders(self):
        for workloads, gate in ((catalogue.WORKLOADS, catalogue.GATE),
                                (catalogue.EPOLL_WORKLOADS, catalogue.EPOLL_GATE)):
            contenders = {each.name: {one.name for one in each.contenders} for each in workloads}
            for row in gate:
                self.assertLessEqual({row.ours, *row.contenders}, contenders[row.workload], row)
        contenders = {each.name: {one.name for one in each.contenders} for each in catalogue.WORKLOADS}
        for strength in catalogue.STRENGTHS:
            self.assertLessEqual({*strength.rivals, strength.against}, contenders[strength.workload], strength)

    def test_the_reference_comes_first_and_twice(self):
        for workload in (*catalogue.WORKLOADS, *catalogue.EPOLL_WORKLOADS):
            first, second = workload.contenders[:2]
            if workload.kind in ("rate", "latency"):
                self.assertEqual((first.name, second.name), (workload.reference, workload.again))
                self.assertEqual(second.name, f"{first.name}, again")
                self.assertEqual(first.command, second.command)

    def test_the_reference_is_the_bare_ring_with_two_exceptions(self):
        others = {each.name: each.reference for each in catalogue.WORKLOADS
                  if each.reference != catalogue.BARE and not each.tls}
        self.assertEqual(others, {"udp-trains": catalogue.COIL_WITHOUT, "compile": "Asio"})

    def test_the_reference_of_tls_is_openssl(self):
        for workload in catalogue.WORKLOADS:
            self.assertEqual(workload.tls, workload.contenders[0].family == "openssl", workload.name)
            self.assertEqual(workload.tls, workload.load[:1] != () and workload.load[0].startswith("tls_"))

    def test_coil_runs_everywhere_and_is_not_its_own_reference(self):
        for workload in catalogue.WORKLOADS:
            families = {each.name: each.family for each in workload.contenders}
            self.assertEqual(families.get(catalogue.COIL), "coil", workload.name)
            self.assertEqual([name for name in families if families[name] == "coil"], [catalogue.COIL])

    def test_coil_runs_on_both_engines(self):
        for workload in catalogue.EPOLL_WORKLOADS:
            chosen = {each.name: dict(each.environment) for each in workload.contenders if each.environment}
            self.assertEqual(chosen, {catalogue.ON_EPOLL: {"COIL_ENGINE": "epoll"},
                                      catalogue.ON_IO_URING: {"COIL_ENGINE": "io_uring"}})

    def test_names_are_unique(self):
        all_names = [each.name for each in catalogue.WORKLOADS]
        self.assertEqual(len(all_names), len(set(all_names)))
        for workload in catalogue.WORKLOADS:
            inside = [each.name for each in workload.contenders]
            self.assertEqual(len(inside), len(set(inside)), workload.name)


if __name__ == "__main__":
    unittest.main()
