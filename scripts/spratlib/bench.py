# SPDX-License-Identifier: BSD-2-Clause
"""Measure what guests cost, to the last digit."""

from spratlib import bench_block, bench_boot, bench_cost, bench_launch, bench_middlebox, bench_net
from spratlib import bench_churn, bench_density, bench_pv


def add_arguments(parser):
    measures = parser.add_subparsers(dest="measure", metavar="MEASURE", required=True)
    cost = measures.add_parser("cost", help="a guest's CPU time from its start until it is idle")
    bench_cost.add_arguments(cost)
    launch = measures.add_parser("launch", help="dom0's CPU time for a creation, to the last digit")
    bench_launch.add_arguments(launch)
    boot = measures.add_parser("boot", help="how long it takes to create guests, and their memory")
    bench_boot.add_arguments(boot)
    density = measures.add_parser("density", help="what idle guests cost: memory and CPU time")
    bench_density.add_arguments(density)
    churn = measures.add_parser("churn", help="guests come and go: does anything grow?")
    bench_churn.add_arguments(churn)
    block = measures.add_parser("block", help="requests to a disk, beside Linux with fio")
    bench_block.add_arguments(block)
    pv = measures.add_parser("pv", help="what Xen's primitives cost a guest, in instructions")
    bench_pv.add_arguments(pv)
    middlebox = measures.add_parser("middlebox", help="what middleboxes cost, beside Linux")
    bench_middlebox.add_arguments(middlebox)
    net = measures.add_parser("net", help="what network services reach, beside Linux")
    bench_net.add_arguments(net)


def main(args):
    return args.act(args)
