"""Joins pairs of network interfaces that it makes, and holds every frame back for some milliseconds: what `tc qdisc add …
netem delay` does, for kernels that lack it.

    delay.py MILLISECONDS A1 B1 [A2 B2 …]
"""

import fcntl
import heapq
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


def tap(name):
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return file


delay, names = float(sys.argv[1]) / 1000, sys.argv[2:]
ends = [tap(name) for name in names]
other = {end: ends[i ^ 1] for i, end in enumerate(ends)}
print("ready", flush=True)

held, number = [], 0
while True:
    wait = max(0, held[0][0] - time.monotonic()) if held else None
    for end in select.select(ends, [], [], wait)[0]:
        try:
            frame = os.read(end, 65536)
        except OSError:  # the interface is not up yet
            continue
        number += 1
        heapq.heappush(held, (time.monotonic() + delay, number, other[end], frame))
    while held and held[0][0] <= time.monotonic():
        _, _, end, frame = heapq.heappop(held)
        try:
            os.write(end, frame)
        except OSError:  # a full queue loses frames, as networks do
            pass
