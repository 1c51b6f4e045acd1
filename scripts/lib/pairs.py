#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares two gateways window by window: pairs.py [--json FILE] ROUND...

Each ROUND is what the load generator wrote with --beside: a line of JSON for each window of handshakes, at
the gateway with many links ("large") and at the one with few ("small") in turns, and a line for each side
at the end. Two neighbouring windows are a pair. The median of the pairs' ratios is the figure: what else
the machine does meets both windows of a pair, and what meets one alone moves the median little.
"""
import argparse
import json
import statistics

MEASURES = {"control_us": "control CPU us", "dataplane_us": "dataplane CPU us", "wall_us": "wall us"}


def read_round(path):
    """Pairs of windows, and the two sides at the end."""
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.strip()]
    windows = [line for line in lines if "window" in line]
    sides = {line["side"]: line for line in lines if "window" not in line}
    pairs = []
    for first, second in zip(windows[::2], windows[1::2]):
        pair = {first["side"]: first, second["side"]: second}
        pairs.append((pair["small"], pair["large"]))
    return pairs, sides


def compare(pairs, measure):
    """Medians of both sides, and of the ratios with their quartiles and their median's standard error."""
    ratios = [large[measure] / small[measure] for small, large in pairs if small[measure] > 0]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "small": statistics.median(small[measure] for small, _ in pairs),
        "large": statistics.median(large[measure] for _, large in pairs),
        "ratio": middle, "quartiles": [low, high],
        # Of a median, from the quartiles as if the ratios were normally distributed.
        "error": 1.2533 * (high - low) / 1.349 / len(ratios) ** 0.5,
    }


def whole(rounds, measure):
    """Means of all that the processes did in the rounds, and their ratio."""
    small = statistics.mean(sides["small"][measure] for _, sides in rounds)
    large = statistics.mean(sides["large"][measure] for _, sides in rounds)
    return {"small": small, "large": large, "ratio": large / small if small > 0 else 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("round", nargs="+")
    args = parser.parse_args()
    rounds = [read_round(path) for path in args.round]
    pairs = [pair for round_, _ in rounds for pair in round_]
    out = {"pairs": len(pairs), "median": {}, "whole": {}}
    print(f"{'a handshake, medians of windows':34} {'few links':>10} {'many links':>10} {'ratio':>7}"
          f"   quartiles of {len(pairs)} pairs")
    for measure, name in MEASURES.items():
        row = out["median"][measure] = compare(pairs, measure)
        print(f"{name:34} {row['small']:10.0f} {row['large']:10.0f} {row['ratio']:7.3f}"
              f" ± {row['error']:.3f}, {row['quartiles'][0]:.3f} to {row['quartiles'][1]:.3f}")
    for measure in ("control_us", "dataplane_us"):
        row = out["whole"][measure] = whole(rounds, measure)
        print(f"{MEASURES[measure] + ', all that was done':34} {row['small']:10.0f} {row['large']:10.0f}"
              f" {row['ratio']:7.3f}")
    few = [sides["small"] for _, sides in rounds]
    for process in ("control", "dataplane"):
        octets = out[f"{process}_octets"] = statistics.median(s[f"{process}_octets"] / s["links"] for s in few)
        print(f"{'memory per link, ' + process:34} {octets:10.0f}")
    longest = {side: max(sides[side]["longest_us"] for _, sides in rounds) for side in ("small", "large")}
    out["longest_us"] = longest
    print(f"{'longest wait of the loop, ms':34} {longest['small'] / 1e3:10.1f} {longest['large'] / 1e3:10.1f}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(out, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
