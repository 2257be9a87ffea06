"""SVG plots of one run, for people who read pictures first. No scripts, no fonts or styles from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pygal
from applications import KINDS
from pygal.style import Style

STYLE = Style(
    background="white",
    plot_background="white",
    colors=("#888888", "#d9a441", "#c2543a", "#2f6f9f", "#7fb2d1", "#4d8f57"),
    font_family="sans-serif",
)


# pygal's own script, and a comment with the day.
NOISE = re.compile(r"<script\b.*?</script>|<!--.*?-->", re.S)


def write(outcome: dict[str, Any], folder: Path) -> None:
    """One file per question; the same file again for the same figures."""
    folder.mkdir(exist_ok=True)
    parts = outcome["parts"]
    charts = {
        "flask_cpu": flask_cpu(parts["flask"]),
        "flask_latency": flask_latency(parts["flask"]),
        "cpp_blocking": blocking(parts["cpp"]["redis"]),
        "cpp_in_flight": in_flight(parts["cpp"]["redis"]),
        "cpp_steps": steps(parts["cpp"]["micro"]),
    }
    for name, chart in charts.items():
        (folder / f"{name}.svg").write_text(NOISE.sub("", chart.render(is_unicode=True)))


def _chart(kind: type[Any], title: str) -> Any:
    return kind(
        title=title,
        style=STYLE,
        js=[],
        no_prefix=True,
        disable_xml_declaration=True,
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        width=900,
        height=460,
        pretty_print=True,
    )


def flask_cpu(flask: dict[str, Any]) -> Any:
    chart = _chart(pygal.Bar, "Server CPU per request, µs (median)")
    return _by_kind(chart, flask["measured"], "cpu_us")


def flask_latency(flask: dict[str, Any]) -> Any:
    chart = _chart(pygal.Bar, f"Wall time at {flask['connections']} connections, µs (p50)")
    return _by_kind(chart, flask["measured"], "p50_us")


def _by_kind(chart: Any, measured: dict[str, Any], name: str) -> Any:
    chart.x_labels = list(measured)
    for kind in KINDS:
        chart.add(kind, [round(kinds[kind][name]["median"], 1) for kinds in measured.values()])
    return chart


def blocking(redis: dict[str, Any]) -> Any:
    chart = _chart(pygal.HorizontalBar, "One blocking caller, µs per GET or load (p50)")
    for name, figures in redis.items():
        if "in flight" not in name:
            chart.add(name, round(figures["p50_us"]["median"], 1))
    return chart


def in_flight(redis: dict[str, Any]) -> Any:
    chart = _chart(pygal.HorizontalBar, "256 in flight on one thread, per second")
    for name, figures in redis.items():
        if "in flight" in name:
            chart.add(name, round(figures["per_second"]["median"]))
    return chart


def steps(micro: dict[str, Any]) -> Any:
    chart = _chart(pygal.HorizontalBar, "Single steps, ns of processor time (median)")
    chart.show_legend = False
    chart.x_labels = list(micro)
    chart.add("ns", [round(figures["cpu_ns"]["median"], 1) for figures in micro.values()])
    return chart
