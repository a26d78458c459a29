#!/usr/bin/env python3
"""One read by TFTP (RFC 1350) whose answer is told to wait.

  tftp.py server ADDRESS       prints `asked`, answers from a port of its own once a line comes in on standard input
  tftp.py client ADDRESS       asks for a file and prints what it gets
"""
import socket
import struct
import sys

READ, DATA, ACK = 1, 3, 4
CONTENT = b"what was asked for before the failover"


def serve(address):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((address, 69))
    print("listening", flush=True)
    request, client = listener.recvfrom(516)
    print("asked", flush=True)
    sys.stdin.readline()
    # A transfer goes on from another port than 69: only the helper's expectation lets it through.
    transfer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    transfer.bind((address, 0))
    transfer.settimeout(1)
    for _ in range(8):
        transfer.sendto(struct.pack("!HH", DATA, 1) + CONTENT, client)
        try:
            if transfer.recv(516) == struct.pack("!HH", ACK, 1):
                print("acknowledged", flush=True)
                return
        except socket.timeout:
            pass
    sys.exit("no acknowledgement")


def ask(address):
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.settimeout(120)
    own.sendto(struct.pack("!H", READ) + b"file\0octet\0", (address, 69))
    packet, server = own.recvfrom(516)
    kind, block = struct.unpack("!HH", packet[:4])
    own.sendto(struct.pack("!HH", ACK, block), server)
    print(packet[4:].decode() if kind == DATA else f"kind {kind}", flush=True)


{"server": serve, "client": ask}[sys.argv[1]](sys.argv[2])
