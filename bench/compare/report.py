# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Formats the measurements as text."""

import statistics

import rules


def quantity(value):
    """Formats a number with three significant digits, such as 228 k or 3.45 M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def duration(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def aligned(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                               for i, (text, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


def median(rounds, metric):
    return statistics.median(each[metric] for each in rounds)


def workload_table(workload, rounds):
    """Returns a table with the contenders' ratios to the reference: the median over paired rounds, minimum and maximum."""
    present = [each.name for each in workload.contenders if rounds.get(each.name)]
    if not present:
        return f"{workload.title}: not measured"
    if workload.kind == "memory":
        lines = [("", "malloc'd bytes each", "resident bytes each")]
        for name in present:
            allocated = [each.get("malloc_bytes") for each in rounds[name]]
            lines.append((name, "-" if None in allocated else f"{statistics.median(allocated):.0f}",
                          f"{median(rounds[name], 'resident_bytes'):.0f}"))
        return f"{workload.title}\n{aligned(lines)}"

    if workload.kind == "compile":
        lines = [("", "lines to read", "ratio", "time", "ratio")]
        for name in present:
            lines.append((name, f"{median(rounds[name], 'lines'):.0f}",
                          str(rules.paired_ratio(rounds, name, workload.reference, "lines") or "-"),
                          duration(median(rounds[name], "compile_ns")),
                          str(rules.paired_ratio(rounds, name, workload.reference, "compile_ns") or "-")))
        return f"{workload.title}\n{aligned(lines)}"

    unit = rounds[present[0]][0]["unit"]
    latencies = any(each["p50_ns"] for each in rounds[present[0]])
    lines = [("", f"{unit}/s" if unit == "KiB" else f"{unit}s/s", "ratio", f"server CPU per {unit}", "ratio",
              *(("p50", "p99", "p99.9") if latencies else ()))]
    for name in present:
        measured = rounds[name]
        lines.append((name, quantity(median(measured, "rate")),
                      str(rules.paired_ratio(rounds, name, workload.reference, rules.THROUGHPUT) or "-"),
                      duration(median(measured, "server_ns")),
                      str(rules.paired_ratio(rounds, name, workload.reference, rules.CPU) or "-"),
                      *((duration(median(measured, quantile)) for quantile in ("p50_ns", "p99_ns", "p999_ns"))
                        if latencies else ())))
    lost = sum(each.get("lost", 0) for name in present for each in rounds[name])
    return f"{workload.title}\n{aligned(lines)}" + (f"\n{lost} datagrams were lost and resent" if lost else "")


def verdict_text(verdict):
    """Returns the verdict as text. For a void verdict, this includes the result it would have had, and the reason."""
    if verdict.result != "void":
        return verdict.result
    return "void" + (f", else {verdict.otherwise}" if verdict.otherwise else "") + f": {verdict.reason}"


def heading(run):
    return (f"{run['date'][:10]}, {run['cpu']}, {run['cpus']} CPUs, Linux {run['kernel']}, "
            f"{run['rounds']} rounds of {run['seconds']:g} s, {run['how']}")


def gate_table(verdicts):
    lines = [("workload", "against", "throughput", "", "server CPU", "", "verdict")]
    for each in verdicts:
        row = each.row
        if row.bytes_max is not None:
            measured = "-" if each.bytes_each is None else f"{each.bytes_each:.0f} bytes"
            cells = (measured, f"<= {row.bytes_max:.0f}", "", "")
        else:
            cells = (str(each.throughput or "-"), "" if row.throughput is None else f">= {row.throughput:.3g}",
                     str(each.cpu or "-"), "" if row.cpu is None else f"<= {row.cpu:.3g}")
        lines.append((row.workload, row.against, *cells, verdict_text(each)))
    # The last column contains sentences. Align it left, so that a long sentence does not move the other
    # columns.
    width = max(len(line[-1]) for line in lines)
    counted = [sum(each.result == result for each in verdicts) for result in ("met", "missed", "void")]
    return (aligned([(*line[:-1], line[-1].ljust(width)) for line in lines]) +
            "\n{} met, {} missed, {} void".format(*counted))
