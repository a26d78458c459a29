# shellcheck shell=bash
# conntrackd in the place of the agent: LAB_AGENT=conntrackd, the yardstick of the benchmarks. Sourced by `run`.

LAB_CONNTRACKD_HOT=${LAB_CONNTRACKD_HOT:-}  # set: DisableExternalCache, its hot standby

comparison_start() {
    comparison_config "$1" >"$LAB_DIR/$1/conntrackd.conf"
    comparison_script "$1" >"$LAB_DIR/$1/primary-backup"
    chmod 755 "$LAB_DIR/$1/primary-backup"
    lab_start "$1" agent conntrackd -C "$LAB_DIR/$1/conntrackd.conf"
}

comparison_answers() { lab_in "$1" conntrackd -C "$LAB_DIR/$1/conntrackd.conf" -s; }

# conntrackd cannot say that it is in sync: the standby holds at least as many flows as the master knows.
comparison_in_sync() {
    local master=r1 standby=r2 internal external
    [[ -z $LAB_CONNTRACKD_HOT ]] || return 0
    lab_keepalived_is r1 MASTER || { master=r2 standby=r1; }
    internal=$(lab_in $master conntrackd -C "$LAB_DIR/$master/conntrackd.conf" -i | wc -l)
    external=$(lab_in $standby conntrackd -C "$LAB_DIR/$standby/conntrackd.conf" -e | wc -l)
    ((internal > 0 && external >= internal))
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
