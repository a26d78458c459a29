#!/usr/bin/env python3
"""Listens on a sealed link and speaks there as one who has no key.

  seal-probe.py capture DEVICE PORT FILE       record every datagram to PORT until terminated; FILE.ready says it began
  seal-probe.py check FILE KEY HEX...          fail unless all is sealed with KEY and none of these bytes is there
  seal-probe.py send-KIND FILE SOURCE TARGET PORT COUNT
                                               what was recorded from SOURCE, as it is (replay) or damaged: open,
                                               changed, key, link, short
"""

import json
import random
import signal
import socket
import struct
import sys
import time

HEADER = 34
TAG = 16


def capture(device, port, path):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    link.bind((device, 0x0003))
    link.settimeout(0.2)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    open(path + ".ready", "w").close()
    heard = []
    while not stop:
        try:
            packet, place = link.recvfrom(65536)
        except TimeoutError:
            continue
        if place[1] != 0x0800 or packet[9] != 17:
            continue
        start = (packet[0] & 15) * 4
        if struct.unpack(">H", packet[start + 2 : start + 4])[0] == port:
            heard.append((socket.inet_ntoa(packet[12:16]), packet[start + 8 :].hex()))
    with open(path, "w") as file:
        json.dump(heard, file)


def recorded(path):
    with open(path) as file:
        return [(source, bytes.fromhex(text)) for source, text in json.load(file)]


def check(path, key, *words):
    heard = recorded(path)
    size = 0
    nonces = set()
    for source, data in heard:
        if data[:2] != b"\xc7\x5e" or data[4] != key or len(data) < HEADER + TAG:
            sys.exit(f"not sealed with key {key}: {data.hex()}")
        for word in words:
            if bytes.fromhex(word) in data[HEADER:]:
                sys.exit(f"{word} is in the clear: {data.hex()}")
        nonce = (source, data[3] >> 7, data[5], data[10:18], data[26:34])
        if nonce in nonces:
            sys.exit(f"a nonce comes twice: {data.hex()}")
        nonces.add(nonce)
        size += len(data)
    if len(heard) < 20 or len({source for source, _ in heard}) < 2:
        sys.exit(f"only {len(heard)} datagrams were heard")
    print(len(heard), "datagrams heard,", size, "bytes, all sealed, no nonce twice")


def damage(kind, data, chance):
    if kind == "replay":
        return data
    if kind == "open":
        return data[:4] + b"\x00" + data[5:]
    if kind == "key":
        return data[:4] + bytes([data[4] ^ 0x55]) + data[5:]
    if kind == "link":
        return data[:5] + b"\x01" + data[6:]
    if kind == "short":
        return data[: chance.randrange(HEADER, HEADER + TAG)]
    # A sequence that was not heard yet, so that the seal is looked at.
    fresh = data[:26] + struct.pack(">Q", struct.unpack(">Q", data[26:34])[0] + (1 << 40)) + data[34:]
    place = chance.randrange(HEADER, len(fresh))
    return fresh[:place] + bytes([fresh[place] ^ (1 << chance.randrange(8))]) + fresh[place + 1 :]


def send(kind, path, source, target, port, count):
    chance = random.Random(7)
    own = [data for place, data in recorded(path) if place == source and not data[3] & 0x80]
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind((source, 0))
    for number in range(count):
        try:
            link.sendto(damage(kind, own[number % len(own)], chance), (target, port))
        except OSError:
            pass
        if number % 50 == 49:
            time.sleep(0.01)


def main():
    verb, *words = sys.argv[1:]
    if verb == "capture":
        capture(words[0], int(words[1]), words[2])
    elif verb == "check":
        check(words[0], int(words[1]), *words[2:])
    elif verb.startswith("send-"):
        send(verb[5:], words[0], words[1], words[2], int(words[3]), int(words[4]))
    else:
        sys.exit(f"unknown verb {verb}")


main()
