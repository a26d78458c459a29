#!/usr/bin/env python3
"""A stream of a protocol that has no sockets here, by raw ones: GRE without a key, and SCTP.

  raw-stream.py server PROTOCOL              answers until SIGTERM
  raw-stream.py client PROTOCOL ADDRESS      sends every 20 ms until SIGTERM, then prints a report as JSON

PROTOCOL is gre, gre6 or sctp. The client of SCTP sets an association up first (RFC 9260); the server keeps none, it
answers each chunk by its kind.
"""
import json
import select
import signal
import socket
import struct
import sys
import time

GRE, SCTP = 47, 132
CLIENT_PORT, SERVER_PORT = 36412, 38412
CLIENT_TAG, SERVER_TAG = 0x0A0B0C0D, 0x1A2B3C4D
INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK, DATA = 1, 2, 10, 11, 0
INTERVAL = 0.02

ended = False


def end(*_):
    global ended
    ended = True


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x82F63B78 if value & 1 else value >> 1
    return value ^ 0xFFFFFFFF


def sctp(source, destination, tag, kind, value):
    chunk = struct.pack("!BBH", kind, 3 if kind == DATA else 0, 4 + len(value)) + value
    head = struct.pack("!HHI", source, destination, tag)
    return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk


def initiation(tag):
    return struct.pack("!IIHHI", tag, 65536, 1, 1, 1)


class Gre:
    """A GRE header without a key (RFC 2784), then a number."""

    def handshake(self, number):
        return None

    def request(self, number):
        return struct.pack("!HHQ", 0, 0x0800, number)

    def number(self, packet):
        return struct.unpack("!Q", packet[4:12])[0] if len(packet) == 12 else None

    def answer(self, packet):
        return packet


class Sctp:
    def __init__(self):
        self.steps = [
            sctp(CLIENT_PORT, SERVER_PORT, 0, INIT, initiation(CLIENT_TAG)),
            sctp(CLIENT_PORT, SERVER_PORT, SERVER_TAG, COOKIE_ECHO, b"cake"),
        ]

    def handshake(self, number):
        return self.steps[number] if number < len(self.steps) else None

    def request(self, number):
        data = struct.pack("!IHHIQ", number & 0xFFFFFFFF, 0, 0, 0, number)
        return sctp(CLIENT_PORT, SERVER_PORT, SERVER_TAG, DATA, data)

    def number(self, packet):
        return struct.unpack("!Q", packet[28:36])[0] if len(packet) == 36 and packet[12] == DATA else None

    def answer(self, packet):
        source, destination = struct.unpack("!HH", packet[:4])
        kind = packet[12]
        if destination != SERVER_PORT:
            return None
        if kind == INIT:
            value = initiation(SERVER_TAG) + struct.pack("!HH", 7, 8) + b"cake"
            return sctp(destination, source, CLIENT_TAG, INIT_ACK, value)
        if kind == COOKIE_ECHO:
            return sctp(destination, source, CLIENT_TAG, COOKIE_ACK, b"")
        return sctp(destination, source, CLIENT_TAG, DATA, packet[16:]) if kind == DATA else None


def payload(packet, family):
    """What follows the IP header; a raw socket of IPv6 does not show it."""
    return packet if family == socket.AF_INET6 else packet[(packet[0] & 15) * 4:]


def receive(raw, family, timeout):
    if not select.select([raw], [], [], timeout)[0]:
        return None, None
    packet, sender = raw.recvfrom(2048)
    return payload(packet, family), sender


def serve(raw, family, kind):
    print("listening", flush=True)
    while not ended:
        packet, sender = receive(raw, family, 0.2)
        answer = packet and kind.answer(packet)
        if answer:
            raw.sendto(answer, (sender[0], 0))


def talk(raw, family, kind, address):
    step = 0
    while (packet := kind.handshake(step)) is not None:
        raw.sendto(packet, (address, 0))
        if receive(raw, family, 5)[0] is None:
            sys.exit(f"no answer to step {step}")
        step += 1
    print("opened", flush=True)
    sent, answers, last, silence, refused = 0, 0, time.monotonic(), 0.0, 0
    due = last
    while not ended:
        try:
            raw.sendto(kind.request(sent), (address, 0))
        except OSError:
            refused += 1
        sent += 1
        due += INTERVAL
        while (left := due - time.monotonic()) > 0 and not ended:
            packet, _ = receive(raw, family, left)
            number = kind.number(packet) if packet else None
            if number is not None and number < sent:
                now = time.monotonic()
                silence, last, answers = max(silence, now - last), now, answers + 1
    silence = max(silence, time.monotonic() - last)
    print(json.dumps({"sent": sent, "answered": answers, "refused": refused, "silence_ms": round(silence * 1000)}))


def main():
    role, name = sys.argv[1:3]
    signal.signal(signal.SIGTERM, end)
    family = socket.AF_INET6 if name.endswith("6") else socket.AF_INET
    kind = Sctp() if name == "sctp" else Gre()
    raw = socket.socket(family, socket.SOCK_RAW, SCTP if name == "sctp" else GRE)
    if role == "server":
        serve(raw, family, kind)
    else:
        talk(raw, family, kind, sys.argv[3])


main()
