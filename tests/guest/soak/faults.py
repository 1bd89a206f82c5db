# SPDX-License-Identifier: GPL-2.0
"""Devices, and what is done to them and to the network."""
import os
import re

from common import Failed, command, fault, over, rx_if, starting, stop, tx_if, until


def controller(nr):
    for name in os.listdir("/sys/class/nvme"):
        folder = "/sys/class/nvme/" + name
        if open(folder + "/serial").read().strip() == f"sluice{nr}":
            return folder
    raise Failed(f"no controller {nr}")


def node(nr):
    for name in os.listdir(controller(nr)):
        if m := re.fullmatch(r"(nvme\d+)(c\d+)?(n\d+)", name):
            return f"/dev/{m[1]}{m[3]}"
    raise Failed(f"controller {nr} has no namespace")


def reset_controller(nr):
    fault("reset-controller")
    folder = controller(nr)
    with open(folder + "/reset_controller", "w") as f:
        f.write("1")
    if not until(lambda: open(folder + "/state").read().strip() == "live"):
        raise Failed(f"controller {nr} does not come back")


def reset_queue(queue):
    fault("reset-queue")
    path = "/sys/kernel/debug/netdevsim/netdevsim10/ports/0/queue_reset"
    with starting, open(path, "w") as f:
        f.write(f"{queue} 1")


def network(rng):
    """Nothing of this may be seen but in the time that it takes."""
    bad = ("loss 1%", "loss 3%", "delay 2ms reorder 30% 50%", "duplicate 10%",
           "loss 1% duplicate 3% delay 1ms 1ms", "corrupt 2%")
    while not over():
        stop.wait(rng.uniform(2, 15))
        if over():
            return
        if rng.random() < 0.3:
            # the NIC lets go of all that it has, and begins again
            with starting:
                fault("link-down")
                for state in "down", "up":
                    command("ip", "-n", "rx", "link", "set", rx_if, state)
            continue
        ns, dev = rng.choice((("tx", tx_if), ("tx", tx_if), ("rx", rx_if)))
        how = rng.choice(bad)
        for word in ("loss", "reorder", "duplicate", "corrupt"):
            if word in how:
                fault(word)
        command("tc", "-n", ns, "qdisc", "replace", "dev", dev, "root", "netem",
                "limit", "1000", *how.split())
        stop.wait(rng.uniform(1, 8))
        command("tc", "-n", ns, "qdisc", "del", "dev", dev, "root")
