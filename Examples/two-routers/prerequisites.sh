# shellcheck shell=bash
# What the example and the tests need before they can begin. Sourced by `run` and by Tests/run.

# Says what goes on, with the time since the start.
say() { printf '[%3ds] %s\n' "$SECONDS" "$*"; }

# Ends with a sentence that says what to do.
refuse() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

require_root() {
    ((EUID == 0)) || refuse "this makes network namespaces and needs root: run it with sudo"
}

require_namespaces() {
    local probe=ctlab-probe-$$
    ip netns add "$probe" 2>/dev/null || refuse "this system does not let root make network namespaces"
    ip netns delete "$probe"
}

# The system's interpreter, which sees the packages' modules; another one may come first in PATH.
system_python() { PATH=/usr/bin:/bin:$PATH python3 -W ignore "$@"; }

# Installs what is missing, given as `command=package`, `pkg-config-module.pc=package` or `python-module.py=package`.
require_packages() {
    local item missing=()
    for item in "$@"; do
        case ${item%%=*} in
        *.pc) pkg-config --exists "$(basename "${item%%=*}" .pc)" 2>/dev/null || missing+=("${item#*=}") ;;
        *.py) system_python -c "import $(basename "${item%%=*}" .py)" 2>/dev/null || missing+=("${item#*=}") ;;
        *) command -v "${item%%=*}" >/dev/null || missing+=("${item#*=}") ;;
        esac
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || refuse "install these packages first: ${missing[*]}"
    say "installing with apt-get: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local output
    output=$({ apt-get update -qq && apt-get install -qq --yes --no-install-recommends "${missing[@]}"; } 2>&1) ||
        refuse "apt-get could not install ${missing[*]}: ${output: -2000}"
}

# What the lab and the build need.
# shellcheck disable=SC2034 # whoever sources this passes it to require_packages
lab_packages=(
    ip=iproute2 nft=nftables keepalived=keepalived conntrack=conntrack jq=jq sysctl=procps pkg-config=pkg-config
    libmnl.pc=libmnl-dev libnetfilter_conntrack.pc=libnetfilter-conntrack-dev libsystemd.pc=libsystemd-dev
)

# Finds swift where sudo's PATH does not show it.
require_swift() {
    command -v swift >/dev/null && return 0
    local home directory
    home=$(getent passwd "${SUDO_USER:-root}" | cut -d : -f 6)
    for directory in /opt/swift/usr/bin "$home/.local/share/swiftly/bin" /usr/libexec/swift/bin; do
        [[ -x $directory/swift ]] || continue
        say "swift is not on PATH: using $directory/swift"
        PATH=$directory:$PATH
        return 0
    done
    refuse "swift is not on PATH: install Swift 6.3 (swift.org/install), or put its usr/bin on PATH"
}

# Builds the release programs once: build_release ROOT PROGRAM...; nothing to do when they are newer than the sources.
build_release() {
    local root=$1 program newer
    shift
    for program in "$@"; do
        newer=changed
        [[ -x $root/.build/release/$program ]] &&
            newer=$(find "$root/Package.swift" "$root/Sources" "$root/Tests/Lab" "$root/Tests/LabSupport" \
                "$root"/Tests/Benchmarks/*.swift -newer "$root/.build/release/$program" -type f \
                -print -quit 2>/dev/null || true)
        [[ -n $newer ]] || continue
        require_swift
        say "building $program (release; the first time takes some minutes)"
        (cd "$root" && swift build -c release --static-swift-stdlib --product "$program" 2>&1 | build_progress) ||
            refuse "the build of $program failed"
        touch "$root/.build/release/$program"
    done
}

# Shows a build's errors and how far it is, on one line.
build_progress() {
    local line
    while IFS= read -r line; do
        case $line in
        *error:*) printf '\n%s\n' "$line" ;;
        "["*"]"*) [[ ! -t 1 ]] || printf '\r       %-70.70s' "$line" ;;
        esac
    done
    [[ ! -t 1 ]] || printf '\r%-78s\r' ''
}
