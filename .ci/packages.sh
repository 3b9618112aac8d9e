# Sourced by check and quickstart: which packages of Debian 12 or Ubuntu 24.04 are needed, and their installation.
# install_packages build|test|full [--yes]

packages_for() {
    local boost=libboost-dev
    grep -q '^VERSION_CODENAME=bookworm' /etc/os-release 2>/dev/null && boost=libboost1.81-dev
    echo g++ cmake ninja-build ccache python3 "$boost" libssl-dev zlib1g-dev libzstd-dev liblz4-dev \
        libsnappy-dev libfmt-dev libcli11-dev nlohmann-json3-dev libpcap-dev catch2
    [ "$1" != build ] && echo pkg-config kcat maven default-jre-headless openssl valgrind
    [ "$1" = full ] && if [ "$boost" = libboost1.81-dev ]; then
        echo clang-16 libclang-rt-16-dev
    else
        echo clang libclang-rt-dev
    fi
    return 0
}

install_packages() {
    local package missing=() sudo="" answer=""
    command -v dpkg-query >/dev/null || {
        echo "This is no Debian or Ubuntu: make sure that these packages, or what they are called here, are installed:"
        echo "  $(packages_for "$1" | xargs)"
        return 0
    }
    for package in $(packages_for "$1"); do
        case $package in # the program is what counts, wherever it comes from
            g++ | cmake | ccache | python3 | kcat) command -v "$package" >/dev/null && continue ;;
            ninja-build) command -v ninja >/dev/null && continue ;;
            maven) command -v mvn >/dev/null && continue ;;
            default-jre-headless) command -v java >/dev/null && continue ;;
        esac
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "Missing packages: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        sudo=sudo
        if [ "${2:-}" != --yes ]; then
            [ -t 0 ] && read -r -p "Install them with apt-get (sudo)? [y/N] " answer
            if [ "$answer" != y ] && [ "$answer" != Y ]; then
                echo "Install them, then run this again:  sudo apt-get install ${missing[*]}"
                return 1
            fi
        fi
    fi
    echo "Installing them with apt-get ..."
    $sudo apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
