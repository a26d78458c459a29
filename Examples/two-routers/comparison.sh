# shellcheck shell=bash
# conntrackd in the place of the agent: LAB_AGENT=conntrackd, the yardstick of the benchmarks. Sourced by `run`.

LAB_CONNTRACKD_HOT=${LAB_CONNTRACKD_HOT:-}  # set: DisableExternalCache, its hot standby

comparison_start() {
    comparison_config "$1" >"$LAB_DIR/$1/conntrackd.conf"
    comparison_script "$1" >"$LAB_DIR/$1/primary-backup"
    chmod 755 "$LAB_DIR/$1/primary-backup"
    lab_start "$1" agent conntrackd -C "$LAB_DIR/$1/conntrackd.conf"
}

# Gives a node's conntrackd a command: comparison_ask NODE OPTION...
comparison_ask() {
    local node=$1
    shift
    lab_in "$node" conntrackd -C "$LAB_DIR/$node/conntrackd.conf" "$@"
}

comparison_answers() { comparison_ask "$1" -s; }

# The flows in one of a node's caches: comparison_count NODE internal|external.
comparison_count() {
    comparison_ask "$1" -s | awk -v cache="cache $2" 'index($0, cache) { found = 1 } found && /active/ { print $NF; exit }'
}

# conntrackd cannot say that it is in sync: the standby holds at least as many flows as the master knows, in its cache
# or, if that is off, in its kernel.
comparison_in_sync() {
    local master=r1 standby=r2 internal held
    ! lab_keepalived_is r2 MASTER || { master=r2 standby=r1; }
    internal=$(comparison_count $master internal)
    if [[ -n $LAB_CONNTRACKD_HOT ]]; then
        held=$(lab_table_size $standby)
    else
        held=$(comparison_count $standby external)
    fi
    ((internal > 0 && held >= internal))
}

# What conntrackd logged of its last commit: `flows refused seconds`.
comparison_outcome() {
    awk '/Committed/ { done = $(NF - 2) } /commit has taken/ { seconds = $(NF - 1) }
        / entries can.t be committed/ { refused = $0; sub(/ entries can.t.*/, "", refused); sub(/.* /, "", refused) }
        END { print done + 0, refused + 0, seconds }' "$LAB_DIR/$1/conntrackd.log"
}

comparison_notify() { echo "    notify \"$LAB_DIR/$1/primary-backup\""; }

comparison_script() {
    cat <<SCRIPT
#!/bin/sh
# keepalived appends: GROUP name STATE priority
ask() { /usr/sbin/conntrackd -C '$LAB_DIR/$1/conntrackd.conf' "\$@"; }
case \$3 in
MASTER) ask -c; ask -f; ask -R; ask -B ;;
BACKUP) ask -t; ask -n ;;
FAULT) ask -t ;;
esac
SCRIPT
}

comparison_config() {
    local self=1 peer=2
    [[ $1 == r2 ]] && self=2 peer=1
    cat <<CONF
Sync {
    Mode FTFW {
        StartupResync on
        ${LAB_CONNTRACKD_HOT:+DisableExternalCache On}
    }
    UDP {
        IPv4_address 10.99.0.$self
        IPv4_Destination_Address 10.99.0.$peer
        Port 3780
        Interface sync0
        SndSocketBuffer 8388608
        RcvSocketBuffer 8388608
        Checksum on
    }
}
General {
    HashSize 32768
    HashLimit 1048576
    LogFile $LAB_DIR/$1/conntrackd.log
    LockFile $LAB_DIR/$1/conntrackd.lock
    UNIX { Path $LAB_DIR/$1/conntrackd.ctl }
    NetlinkBufferSize 2097152
    NetlinkBufferSizeMaxGrowth 8388608
    NetlinkEventsReliable Off
    Filter From Userspace {
        Protocol Accept { TCP UDP ICMP }
        Address Ignore { IPv4_address 127.0.0.1 IPv4_address 10.99.0.0/24 }
    }
}
CONF
}
