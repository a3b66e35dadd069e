# SPDX-License-Identifier: BSD-2-Clause
"""Measure what guests cost, to the last digit."""

from spratlib import bench_block, bench_boot, bench_churn, bench_cost, bench_density, bench_launch
from spratlib import bench_middlebox, bench_net, bench_pv

MEASURES = (
    ("cost", bench_cost, "a guest's CPU time from its start until it is idle"),
    ("launch", bench_launch, "dom0's CPU time for a creation, to the last digit"),
    ("boot", bench_boot, "how long it takes to create guests, and their memory"),
    ("density", bench_density, "what idle guests cost: memory and CPU time"),
    ("churn", bench_churn, "guests come and go: does anything grow?"),
    ("block", bench_block, "requests to a disk, beside Linux with fio"),
    ("pv", bench_pv, "what Xen's primitives cost a guest, in instructions"),
    ("middlebox", bench_middlebox, "what middleboxes cost, beside Linux"),
    ("net", bench_net, "what network services reach, beside Linux"),
)


def add_arguments(parser):
    measures = parser.add_subparsers(dest="measure", metavar="MEASURE", required=True)
    for name, module, text in MEASURES:
        module.add_arguments(measures.add_parser(name, help=text))


def main(args):
    return args.act(args)
