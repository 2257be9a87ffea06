"""The C++ figures as Markdown."""

from __future__ import annotations

from typing import Any

from cpp_part import HIT


def text(cpp: dict[str, Any]) -> str:
    return "\n".join((_hit(cpp["micro"]), _ratios(cpp), _cases(cpp["redis"]), _memory(cpp)))


def _hit(micro: dict[str, Any]) -> str:
    rows = [
        "## C++: single steps",
        "",
        "One core; allocations are those of the calling thread, OpenSSL's included. The single hits that the median",
        "is of carry the cost of reading the clock.",
        "",
        "![Steps](plots/cpp_steps.svg)",
        "",
        "| | CPU, ns | Allocations |",
        "|---|---:|---:|",
    ]
    for name, figures in micro.items():
        allocations = figures["allocations"]["median"]
        rows.append(f"| {name} | {spread(figures['cpu_ns'])} | {allocations:.0f} |")
    hit = micro[HIT]
    rows += [
        "",
        f"A near-cache hit, cookie and MAC included: {1e6 / hit['cpu_ns']['median']:.0f} thousand a second on one "
        f"core; p50 {hit['p50_ns']['median']:.0f} ns, p99 {hit['p99_ns']['median']:.0f} ns. (Target: 300 thousand, "
        "median below 3000 ns.)",
    ]
    return "\n".join(rows) + "\n"


def _ratios(cpp: dict[str, Any]) -> str:
    rows = [
        "## C++: from Redis, beside hiredis and Boost.Redis",
        "",
        "One program, one Redis on a Unix socket, near cache off. A `load` checks the cookie's MAC, opens the sealed",
        "record and decodes it; the others fetch the same bytes and do nothing with them.",
        "",
        "![One caller](plots/cpp_blocking.svg) ![256 in flight](plots/cpp_in_flight.svg)",
        "",
        "| | ours ÷ theirs | Ratio (single rounds) | CPU ratio | Target | |",
        "|---|---|---:|---:|---:|---|",
    ]
    for name, each in cpp["ratios"].items():
        met = "met" if each["met"] else "missed"
        rows.append(
            f"| {name} | {each['ours']} ÷ {each['theirs']} | {each['ratio']:.2f} "
            f"({each['low']:.2f}–{each['high']:.2f}) | {each['cpu_ratio']:.2f} "
            f"| {each['bound']} {each['limit']:g} | {met} |"
        )
    return "\n".join(rows) + "\n"


def _cases(redis: dict[str, Any]) -> str:
    rows = ["| | p50, µs | p99, µs | CPU, µs | Per second |", "|---|---:|---:|---:|---:|"]
    for name, figures in redis.items():
        rows.append(
            f"| {name} | {spread(figures['p50_us'], 1)} | {figures['p99_us']['median']:.0f} "
            f"| {spread(figures['cpu_us'], 1)} | {spread(figures['per_second'])} |"
        )
    return "\n".join(rows) + "\n"


def _memory(cpp: dict[str, Any]) -> str:
    memory = cpp["memory"]
    return (
        f"**Memory per near-cache entry**, by the growth of the process over {memory['entries']:,} sessions of 11 "
        f"fields: {memory['bytes_filled']:.0f} bytes as filled, {memory['bytes_opened']:.0f} once it was read (the "
        "opened form is kept beside the sealed one).\n"
    )


def spread(figure: dict[str, Any], digits: int = 0) -> str:
    low, middle, high = (f"{figure[name]:.{digits}f}" for name in ("low", "median", "high"))
    return f"{middle} ({low}–{high})"
