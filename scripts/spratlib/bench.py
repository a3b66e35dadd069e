# SPDX-License-Identifier: BSD-2-Clause
"""Measure what guests cost, to the last digit."""

from spratlib import bench_cost


def add_arguments(parser):
    measures = parser.add_subparsers(dest="measure", metavar="MEASURE", required=True)
    cost = measures.add_parser("cost", help="a guest's CPU time from its start until it is idle")
    bench_cost.add_arguments(cost)


def main(args):
    return args.act(args)
