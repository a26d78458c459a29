#!/usr/bin/env python3
"""Speaks to an agent as nobody should: raw bytes at its sockets and its link, and a service manager that only listens.

  probe.py frame PATH HEX            send one control frame with this payload, print kind and body of the reply
  probe.py bytes PATH HEX            send these bytes as they are and close the writing side, print the reply
  probe.py noise PATH COUNT SEED     COUNT connections, each with random bytes
  probe.py crowd PATH COUNT SECONDS  COUNT connections that say nothing for SECONDS
  probe.py deaf PATH HEX SECONDS     ask and do not read the answer for SECONDS
  probe.py datagrams SOURCE TARGET PORT KIND COUNT SEED
                                     datagrams to the link: random, truncated, version or oversized
  probe.py manager PATH SECONDS      print what comes by sd_notify, each with its milliseconds since the start
"""

import random
import socket
import struct
import sys
import time


def connect(path):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(5)
    end = time.monotonic() + 5
    while True:
        try:
            stream.connect(path)
            return stream
        except BlockingIOError:
            # As many wait to be accepted as may.
            if time.monotonic() > end:
                raise
            time.sleep(0.002)


def drain(stream):
    data = b""
    try:
        while piece := stream.recv(65536):
            data += piece
    except OSError:
        pass
    return data


def frame(payload):
    return struct.pack(">I", len(payload)) + payload


def exchange(path, data):
    stream = connect(path)
    try:
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    answer = drain(stream)
    if len(answer) >= 6:
        print("kind", answer[5], answer[6:].decode("utf-8", "replace").replace("\0", " "))
    else:
        print("closed")


def noise(path, count, seed):
    chance = random.Random(seed)
    for _ in range(count):
        stream = connect(path)
        try:
            body = chance.randbytes(chance.randrange(1, 300))
            # Half of it with a length that fits, so that it is read as a request.
            stream.sendall(frame(b"\x01" + body) if chance.random() < 0.5 else body)
            stream.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        stream.close()


def crowd(path, count, seconds):
    streams = [connect(path) for _ in range(count)]
    print(len(streams), "connected", flush=True)
    time.sleep(seconds)


def deaf(path, payload, seconds):
    stream = connect(path)
    stream.sendall(frame(payload))
    print("asked", flush=True)
    time.sleep(seconds)


def datagrams(source, target, port, kind, count, seed):
    chance = random.Random(seed)
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind((source, 0))
    for number in range(count):
        header = struct.pack(
            ">HBBBBIQQQ", 0xC75E, 1, 3, 0, 0, chance.getrandbits(32), chance.getrandbits(40), 1, number + 1
        )
        data = {
            "random": lambda: chance.randbytes(chance.randrange(0, 1400)),
            "truncated": lambda: header[: chance.randrange(1, len(header))],
            "version": lambda: header[:2] + b"\x07" + header[3:],
            "oversized": lambda: chance.randbytes(12000),
            "messages": lambda: header + chance.randbytes(chance.randrange(1, 600)),
        }[kind]()
        try:
            link.sendto(data, (target, port))
        except OSError:
            pass
        if number % 50 == 49:
            time.sleep(0.01)


def manager(path, seconds):
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(path)
    start = time.monotonic()
    end = start + seconds
    print("listening", flush=True)
    while (left := end - time.monotonic()) > 0:
        channel.settimeout(left)
        try:
            data = channel.recv(4096)
        except OSError:
            break
        for line in data.decode().splitlines():
            print(int((time.monotonic() - start) * 1000), line, flush=True)


def main():
    verb, *words = sys.argv[1:]
    if verb == "frame":
        exchange(words[0], frame(bytes.fromhex(words[1])))
    elif verb == "bytes":
        exchange(words[0], bytes.fromhex(words[1]))
    elif verb == "noise":
        noise(words[0], int(words[1]), int(words[2]))
    elif verb == "crowd":
        crowd(words[0], int(words[1]), float(words[2]))
    elif verb == "deaf":
        deaf(words[0], bytes.fromhex(words[1]), float(words[2]))
    elif verb == "datagrams":
        datagrams(words[0], words[1], int(words[2]), words[3], int(words[4]), int(words[5]))
    elif verb == "manager":
        manager(words[0], float(words[1]))
    else:
        sys.exit(f"unknown verb {verb}")


main()
