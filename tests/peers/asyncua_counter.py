"""An OPC UA server of the asyncua stack whose variables count, for tests of the OPC UA client.

Every variable counts by exactly one at every step, Int64 and Double in turn, each with the time of its step as source
time. A step that comes late is made up for in order, never skipped. Prints `READY <endpoint> <namespace index>`; ends on
SIGTERM or when standard input closes.
"""

import argparse
import asyncio
import logging
import signal
import sys
import time
from datetime import datetime, timedelta, timezone

from asyncua import Server, ua


async def serve(port: int, nodes: int, rate: float) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/counters")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace("urn:flyball:counters")
    folder = await server.nodes.objects.add_folder(ua.NodeId("counters", index), "counters")
    counters = []
    for number in range(nodes):
        variant_type = ua.VariantType.Double if number % 2 else ua.VariantType.Int64
        name = f"c{number}"
        node = await folder.add_variable(ua.NodeId(name, index), name, ua.Variant(0, variant_type))
        counters.append((node.nodeid, variant_type))
    await server.start()
    stop = stop_signal()
    print(f"READY opc.tcp://127.0.0.1:{server.bserver.port}/counters {index}", flush=True)
    counting = asyncio.create_task(count(server, counters, rate))
    await asyncio.wait([counting, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    if counting.done():
        counting.result()
    counting.cancel()
    await asyncio.wait_for(server.stop(), 3)


async def count(server: Server, counters: list, rate: float) -> None:
    begun, begun_at, done = time.monotonic(), datetime.now(timezone.utc), 0
    while True:
        due = int((time.monotonic() - begun) * rate)
        while done < due:
            done += 1
            at = begun_at + timedelta(seconds=done / rate)
            for nodeid, variant_type in counters:
                value = float(done) if variant_type == ua.VariantType.Double else done
                sample = ua.DataValue(ua.Variant(value, variant_type), SourceTimestamp=at, ServerTimestamp=at)
                await server.write_attribute_value(nodeid, sample)
            # The server's own tasks get their turn between two steps.
            await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, begun + (done + 1) / rate - time.monotonic()))


def stop_signal() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def input_closed() -> None:
        if not sys.stdin.buffer.read1(4096):
            loop.remove_reader(sys.stdin)
            stop.set()

    loop.add_reader(sys.stdin, input_closed)
    return stop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--nodes", type=int, default=300)
    parser.add_argument("--rate", type=float, default=10.0, help="steps per second")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve(arguments.port, arguments.nodes, arguments.rate))


if __name__ == "__main__":
    main()
