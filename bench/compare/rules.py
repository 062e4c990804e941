# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""The arithmetic of the comparison. It turns rounds into ratios and ratios into verdicts.

Results have the form {workload: {contender: [one measurement per round]}}. A measurement is the output of the load
generator. Contenders are compared only within a round, because they ran right after each other there.
"""

import statistics
from dataclasses import dataclass, replace

THROUGHPUT, CPU = "rate", "server_ns"
REFERENCES_DIFFER = 0.02


@dataclass(frozen=True)
class Ratio:
    median: float
    least: float
    most: float

    def __str__(self):
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


@dataclass(frozen=True)
class Verdict:
    row: object
    result: str  # met, missed, void, or "no limit"
    reason: str = ""  # the reason if the verdict is void
    otherwise: str = ""  # the result that a void verdict would have had without that reason
    throughput: Ratio = None
    cpu: Ratio = None
    bytes_each: float = None


def paired_ratio(rounds, one, other, metric):
    """Returns one / other, computed for each round, or None if no round has both."""
    ratios = [a[metric] / b[metric] for a, b in zip(rounds.get(one, ()), rounds.get(other, ())) if b[metric] > 0]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def hardest(rounds, ours, others, metric):
    """Returns the ratio to the rival that is hardest to beat. This may be a different rival for each metric."""
    ratios = [ratio for ratio in (paired_ratio(rounds, ours, other, metric) for other in others) if ratio]
    if not ratios:
        return None
    choose = min if metric == THROUGHPUT else max
    return choose(ratios, key=lambda ratio: ratio.median)


def disagreement_of_references(rounds, reference, again):
    """Returns the relative difference between two copies of the same program, or None if they did not both run."""
    ratios = [paired_ratio(rounds, again, reference, metric) for metric in (THROUGHPUT, CPU)]
    return max(abs(ratio.median - 1) for ratio in ratios) if all(ratios) else None


def weakness(results, strength):
    """Returns why this rival is too weak, or "" if it is strong enough."""
    rounds = results.get(strength.workload, {})
    ratios = [paired_ratio(rounds, rival, strength.against, THROUGHPUT) for rival in strength.rivals]
    best = max((ratio.median for ratio in ratios if ratio), default=None)
    if best is None:
        return f"the strength of {strength.rivals[0]} in {strength.workload} was not measured"
    if best >= strength.least:
        return ""
    return (f"{strength.rivals[0]} reaches {best:.3f} of {strength.against} in {strength.workload}, less than "
            f"{strength.least}")


def void_reason(results, row, strengths, reference, again, family_of):
    """Returns why this row is void, or "" if it is not."""
    rounds = results.get(row.workload)
    if not rounds:
        return "not measured"
    if row.bytes_max is not None:
        return ""
    difference = disagreement_of_references(rounds, reference, again)
    if difference is None:
        return "the reference did not run twice"
    if difference > REFERENCES_DIFFER:
        return f"the two copies of the reference differ by {difference:.1%}"
    families = {family_of(name) for name in row.contenders}
    for strength in strengths:
        # The three strengths of the bare ring apply to every workload. A strength of Asio applies only to the
        # workload that it names.
        concerns = strength.family in families and (strength.family == "bare" or strength.workload == row.workload)
        why = weakness(results, strength) if concerns else ""
        if why:
            return why
    return ""


def allocated_bytes(rounds, name):
    """Returns the median of a contender's malloc'd bytes per connection, or None if they were not counted."""
    measured = [each["malloc_bytes"] for each in rounds.get(name, ()) if "malloc_bytes" in each]
    return statistics.median(measured) if measured else None


def judge(results, row, strengths, *, reference, again, family_of):
    reason = void_reason(results, row, strengths, reference, again, family_of)
    rounds = results.get(row.workload, {})
    if row.bytes_max is not None:
        allocated = [allocated_bytes(rounds, name) for name in (row.ours, *row.contenders)]
        if None in allocated:
            return Verdict(row, "void", reason or "not measured")
        bytes_each = allocated[0] - min(allocated[1:], default=0)
        return Verdict(row, "met" if bytes_each <= row.bytes_max else "missed", bytes_each=bytes_each)

    throughput = hardest(rounds, row.ours, row.contenders, THROUGHPUT)
    cpu = hardest(rounds, row.ours, row.contenders, CPU)
    if not reason and (throughput is None or cpu is None):
        reason = "no rival was measured"
    if throughput is None or cpu is None:
        return Verdict(row, "void", reason, "", throughput, cpu)
    met = ((row.throughput is None or throughput.median >= row.throughput) and
           (row.cpu is None or cpu.median <= row.cpu))
    result = "no limit" if row.throughput is row.cpu is None else "met" if met else "missed"
    return Verdict(row, "void", reason, result, throughput, cpu) if reason else Verdict(row, result, "", "", throughput, cpu)


def widened(row, by):
    """Returns the row with its limits widened by this fraction."""
    return replace(row, throughput=row.throughput and row.throughput * (1 - by), cpu=row.cpu and row.cpu * (1 + by),
                   bytes_max=row.bytes_max and row.bytes_max * (1 + by))


def in_order(contenders, number):
    """Returns a round's contenders in order. Every second round is reversed, so that drift in a round cancels out."""
    return list(contenders) if number % 2 == 0 else list(reversed(contenders))
