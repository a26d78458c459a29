#!/usr/bin/env bash
# faults.sh with hot standbys.
FAULTS_STANDBY=hot exec "$(dirname "$0")/faults.sh"
