#!/usr/bin/env python3
"""An FTP client that keeps one control connection open and does what it is told, line by line.

  ftp-client.py SERVER [SOURCE-ADDRESS]

Commands on standard input: `active NAME` and `passive NAME` fetch a file and print its SHA-256, `quit` ends. The
transcript of the control connection goes to standard error, each command's outcome to standard output.
"""
import ftplib
import hashlib
import sys


class Told(ftplib.FTP):
    """Tells the whole dialogue."""

    def putline(self, line):
        print(f"> {line if not line.startswith('PASS') else 'PASS ...'}", file=sys.stderr, flush=True)
        super().putline(line)

    def getline(self):
        line = super().getline()
        print(f"< {line}", file=sys.stderr, flush=True)
        return line


def main():
    ftp = Told(timeout=15)
    ftp.connect(sys.argv[1], 21)
    ftp.login("anonymous", "lab@example.com")
    print("ready", flush=True)
    for line in sys.stdin:
        mode, *names = line.split()
        if mode == "quit":
            break
        ftp.set_pasv(mode == "passive")
        content = hashlib.sha256()
        try:
            ftp.retrbinary(f"RETR {names[0]}", content.update)
            print(f"{mode} {names[0]} {content.hexdigest()}", flush=True)
        except (OSError, EOFError, ftplib.Error) as error:
            print(f"{mode} {names[0]} failed: {error}", flush=True)
            sys.exit(1)
    ftp.quit()
    print("bye", flush=True)


main()
