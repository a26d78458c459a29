#!/usr/bin/env bash
# Whatever goes wrong, a pair with hot standbys loses no live connection: as faults.sh.
FAULTS_STANDBY=hot exec "$(dirname "$0")/faults.sh"
