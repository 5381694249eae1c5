#!/usr/bin/env bash
# Build BVLC Caffe with its Python bindings and install it into a virtual environment.
#
# usage: docker/build_caffe.sh [--venv DIR] [--cuda [--arch LIST] | --stock] [--apt-only] [--also PACKAGE]...
#                              [--force] [--any-platform]
#
#   --venv DIR      the environment to install into; made if it is not there (default: the project's .venv)
#   --cuda          with CUDA 13 and cuDNN 9 (x86-64), 2 GB more in DIR; it computes on the CPU too
#   --arch LIST     GPU generations to compile for with --cuda, newer ones by just-in-time compilation from the last
#                   (default: 75;80;86;89;90;100;120, from Turing on; 90 alone takes half the time)
#   --stock         Caffe as it was, with the patches alone that it needs to be built and tested: for comparisons
#   --apt-only      only see to the distribution's packages
#   --also PACKAGE  see to this package of the distribution too
#   --force         build again even if the same build is installed already
#   --any-platform  try on a distribution that this script does not know
#   --help          this text
#
# Expects Debian 12 or 13 with the distribution's own Python (Boost.Python is built for that one). Ubuntu 24.04
# is accepted and was never tried. Steps: packages by apt (listed first; by sudo unless root), a virtual environment, the Python
# packages of requirements.txt, Caffe's source and (on x86-64) the oneDNN library from the Python package index
# (pinned by version and sha256), the patches of docker/patches in order of name, CMake, and the copy into
# DIR/lib/pythonX.Y/site-packages/caffe. Caffe's own tests go to DIR/share/caffe. The logs are build/*.log.
# With --cuda NVIDIA's compiler goes to build/caffe and the libraries to DIR, both from the Python package index
# (docker/requirements-cuda-build.txt and requirements-cuda.txt); no GPU and no driver is needed to build.
# Afterwards build/ may be removed. A second run finds everything done.
#
# Environment: JOBS (parallel compilers; default: one a core).
set -euo pipefail

readonly SDIST=brocolli-caffe SDIST_VERSION=3.0.0   # BVLC Caffe master, commit 9b89154
readonly SHA256=ad7ba487552f4343df25044a9fa14812a96add48ea2ff993b53bf2dafe8248e2
# oneDNN 3.2 for OpenMP: the library and, apart, its headers. The wheels are for x86-64 alone.
readonly ONEDNN_VERSION=2023.2.0
readonly ONEDNN_WHEELS=(
  "onednn-cpu-gomp 2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb"
  "onednn-devel-cpu-gomp 9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284"
)
readonly PYTHON=/usr/bin/python3
readonly RECIPE=2                             # raise it when a change below must rebuild Caffe
readonly PLATFORMS="Debian 12, Debian 13 or Ubuntu 24.04"

apt_packages=(
  python3 python3-dev python3-venv g++ make cmake patch
  libboost-python-dev libboost-system-dev libboost-thread-dev libboost-filesystem-dev
  libprotobuf-dev protobuf-compiler libhdf5-dev libgoogle-glog-dev libgflags-dev libopenblas-dev
  libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0   # for the PDF of `rpn2t reproduce`
)
readonly STOCK_PATCHES='000[12]-*.patch'

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
cuda_libraries=$root/docker/requirements-cuda.txt cuda_compiler=$root/docker/requirements-cuda-build.txt
venv=$root/.venv apt_only='' force='' any_platform='' cuda='' stock='' arch=''

say() { printf 'build_caffe: %s\n' "$*"; }
die() { printf 'build_caffe: %s\n' "$*" >&2; exit 1; }
refuse() { printf 'build_caffe: %s\n' "$*" >&2; exit 2; }
usage() { sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

# step NAME TEXT COMMAND... : one line on the screen, the output in build/NAME.log; its end shown on failure.
step() {
  local name=$1 text=$2 start=$SECONDS log=$build/$1.log
  shift 2
  mkdir -p "$build"
  say "$text ... (log: build/$name.log)"
  # not in an `if`: that would switch errexit off inside the command
  set +e
  (set -e; "$@") >"$log" 2>&1 </dev/null
  local status=$?
  set -e
  if [[ $status != 0 ]]; then
    tail -n 25 "$log" >&2
    die "failed: $text; all of its output is in $log"
  fi
  say "  done in $((SECONDS - start)) s"
}

parse_options() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --venv) [[ -n ${2:-} ]] || refuse "--venv needs a folder"; venv=$2; shift ;;
      --venv=*) venv=${1#--venv=} ;;
      --cuda) cuda=1 ;;
      --arch) [[ -n ${2:-} ]] || refuse "--arch needs a list, as in --arch '80;90'"; arch=$2; shift ;;
      --stock) stock=1 ;;
      --apt-only) apt_only=1 ;;
      --also) [[ -n ${2:-} ]] || refuse "--also needs a package"; apt_packages+=("$2"); shift ;;
      --force) force=1 ;;
      --any-platform) any_platform=1 ;;
      -h | --help) usage; exit 0 ;;
      *) refuse "unknown option $1 (see --help)" ;;
    esac
    shift
  done
  [[ -z $cuda || -z $stock ]] || refuse "--stock is a build for the CPU; leave --cuda out"
  [[ -z $arch || -n $cuda ]] || refuse "--arch is for --cuda"
  arch=${arch:-75;80;86;89;90;100;120}
  [[ $arch =~ ^[0-9]{2,3}[af]?(;[0-9]{2,3}[af]?)*$ ]] || refuse "--arch $arch: write numbers with ; between them, as in '80;90'"
  [[ -z $cuda || $(uname -m) = x86_64 ]] || refuse "--cuda is for x86-64, this is $(uname -m)"
}

# What CMake is told of Caffe; it is part of the stamp.
choose_options() {
  onednn=OFF
  [[ $(uname -m) != x86_64 || -n $stock ]] || onednn=ON
  cmake_options=(
    -DCMAKE_BUILD_TYPE=Release "-DCPU_ONLY=$([[ -n $cuda ]] && echo OFF || echo ON)" -DBLAS=Open -DUSE_OPENMP=ON
    "-DUSE_ONEDNN=$onednn" -DUSE_OPENCV=OFF -DUSE_LEVELDB=OFF -DUSE_LMDB=OFF -DBUILD_docs=OFF -Dpython_version=3
  )
  # machine code for each, PTX of the last
  [[ -z $cuda ]] || cmake_options+=("-DCMAKE_CUDA_ARCHITECTURES=${arch//;/-real;}")
}

check_platform() {
  local id='' version='' name=unknown
  if [[ -r /etc/os-release ]]; then
    # shellcheck disable=SC1091
    { read -r id; read -r version; read -r name; } < <(
      . /etc/os-release
      printf '%s\n' "${ID:-}" "${VERSION_ID:-}" "${PRETTY_NAME:-}"
    )
  fi
  case $id-$version in debian-12 | debian-13 | ubuntu-24.04) return ;; esac
  [[ -n $any_platform ]] || die "this is '${name:-unknown}', but the build expects $PLATFORMS (--any-platform tries anyway)"
}

as_root() { if [[ $(id -u) = 0 ]]; then "$@"; else sudo "$@"; fi; }

install_apt_packages() {
  command -v dpkg-query >/dev/null || die "no dpkg here; the build expects $PLATFORMS with these packages: ${apt_packages[*]}"
  local package missing=()
  for package in "${apt_packages[@]}"; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  say "apt will install: ${missing[*]}"
  if [[ $(id -u) != 0 ]] && ! command -v sudo >/dev/null; then
    die "not root and no sudo here; install them as root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  # sudo may ask for a password: before the output goes into a log
  [[ $(id -u) = 0 ]] || sudo -v || die "sudo was refused; install them as root: apt-get install --no-install-recommends ${missing[*]}"
  step apt-update "Updating apt's lists" as_root apt-get update
  step apt-install "Installing ${#missing[@]} packages and what they need" \
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

make_venv() {
  if [[ ! -x $venv/bin/pip ]]; then
    step venv "Making the virtual environment $venv" "$PYTHON" -m venv "$venv"
  fi
  local base
  base=$("$venv/bin/python" -c 'import os, sys; print(os.path.realpath(sys.executable))') || die "$venv/bin/python does not run; remove $venv and try again"
  [[ $base = "$(readlink -f "$PYTHON")" ]] ||
    die "$venv was made with $base, but Boost.Python needs the distribution's $PYTHON; remove $venv and try again"
}

# install_requirements FILE TEXT : a list of packages, into the environment.
install_requirements() {
  local name stamp wanted
  name=$(basename "$1" .txt)
  stamp=$venv/$name.sha256
  wanted=$(sha256sum <"$1")
  [[ $(cat "$stamp" 2>/dev/null || true) != "$wanted" ]] || return 0
  step "${name/requirements/pip}" "Installing $2" \
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input -r "$1"
  printf '%s\n' "$wanted" >"$stamp"
}

list_patches() {
  local pattern='*.patch'
  [[ -z $stock ]] || pattern=$STOCK_PATCHES
  find "$root/docker/patches" -name "$pattern" 2>/dev/null | LC_ALL=C sort
}

# Everything that decides what is built, as text: the stamp of an installed build.
describe_build() {
  local patch
  printf 'caffe %s %s %s\nrecipe %s\noptions %s\n' "$SDIST" "$SDIST_VERSION" "$SHA256" "$RECIPE" "${cmake_options[*]}"
  [[ $onednn = OFF ]] || printf 'onednn %s %s\n' "$ONEDNN_VERSION" "${ONEDNN_WHEELS[*]}"
  [[ -z $cuda ]] || printf 'cuda %s\n' "$(cat "$cuda_libraries" "$cuda_compiler" | sha256sum | cut -d' ' -f1)"
  while read -r patch; do
    printf 'patch %s %s\n' "$(basename "$patch")" "$(sha256sum <"$patch" | cut -d' ' -f1)"
  done < <(list_patches)
  "$venv/bin/python" -c 'import platform; print("python", platform.python_version(), platform.machine())'
}

site_packages() { "$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))'; }

caffe_imports() { (cd / && env -u PYTHONPATH GLOG_minloglevel=2 "$python" -W ignore -c 'import caffe; caffe.Net') ; }

is_installed() {
  [[ -z $force && -f $site/caffe/BUILD && $(cat "$site/caffe/BUILD") = "$(describe_build)" ]] && caffe_imports >/dev/null 2>&1
}

# fetch FILE NAME VERSION SHA256 PIP-OPTION... : a file of the package index, into build/download unless it is there.
fetch() {
  local file=$build/download/$1 name=$2 version=$3 sha256=$4
  shift 4
  if [[ -f $file ]]; then
    ! is_whole "$file" "$sha256" || return 0
    say "the file $file is damaged; it is downloaded again"
    rm -f "$file"
  fi
  mkdir -p "$build/download"
  say "Downloading $name $version ... (log: build/download.log)"
  if ! pip_download "$name==$version --hash=sha256:$sha256" "$@" >"$build/download.log" 2>&1 </dev/null; then
    if grep -qi 'do not match the hashes' "$build/download.log"; then
      die "broken download: $name $version has not the expected sha256 $sha256"
    fi
    die "could not download $name $version: $(grep -E '^ERROR' "$build/download.log" | head -n 1 | cut -c 1-160) (log: $build/download.log)"
  fi
  is_whole "$file" "$sha256" || die "broken download: $file has not the expected sha256 $sha256"
}

# pip checks the hash before it unpacks anything or looks at a package's setup.py, which is not used further.
pip_download() {
  printf '%s\n' "$1" >"$build/download/requirement.txt"
  shift
  "$python" -m pip download --disable-pip-version-check --no-input --no-deps --require-hashes "$@" \
    -d "$build/download" -r "$build/download/requirement.txt"
}

is_whole() { printf '%s  %s\n' "$2" "$1" | sha256sum --check --status 2>/dev/null; }

fetch_source() {
  archive=$build/download/$SDIST-$SDIST_VERSION.tar.gz
  fetch "${archive##*/}" "$SDIST" "$SDIST_VERSION" "$SHA256" --no-binary :all: --no-build-isolation
}

onednn_wheel() { printf '%s-%s-py2.py3-none-manylinux1_x86_64.whl' "${1//-/_}" "$ONEDNN_VERSION"; }

fetch_onednn() {
  local name sha256
  while read -r name sha256; do
    fetch "$(onednn_wheel "$name")" "$name" "$ONEDNN_VERSION" "$sha256" --only-binary :all:
  done < <(printf '%s\n' "${ONEDNN_WHEELS[@]}")
}

# A wheel holds the library three times, since it can hold no links.
unpack_onednn() {
  rm -rf "$onednn_dir"
  local name
  while read -r name _; do
    "$python" -m zipfile -e "$build/download/$(onednn_wheel "$name")" "$onednn_dir/wheel"
  done < <(printf '%s\n' "${ONEDNN_WHEELS[@]}")
  mkdir "$onednn_dir/lib"
  mv "$onednn_dir"/wheel/*.data/data/include "$onednn_dir/include"
  mv "$onednn_dir"/wheel/onednn_cpu*.data/data/lib/libdnnl.so.3 "$onednn_dir/lib/"
  ln -s libdnnl.so.3 "$onednn_dir/lib/libdnnl.so"
  mv "$onednn_dir"/wheel/onednn_cpu*.data/data/share/doc/onednn "$onednn_dir/doc"
  rm -rf "$onednn_dir/wheel"
}

# One tree as nvcc and CMake expect it: the compiler's wheels, and links to the libraries in the environment.
make_toolkit() {
  rm -rf "$toolkit"
  "$python" -m pip install --disable-pip-version-check --no-input --no-deps --target "$toolkit" -r "$cuda_compiler"
  cp -rs "$site/nvidia/." "$toolkit/nvidia/"
  ln -s lib "$toolkit/nvidia/cu13/lib64"
  local library
  for library in "$toolkit"/nvidia/{cu13,cudnn}/lib/lib*.so.*; do
    ln -sf "${library##*/}" "${library%%.so.*}.so"
  done
}

unpack_source() {
  rm -rf "$source_dir" "$object_dir"
  mkdir -p "$source_dir" "$object_dir"
  tar -xzf "$archive" -C "$source_dir" --strip-components=1 --exclude='*/.git' --exclude='*/__pycache__'
  # left out of the archive, but Caffe's CMakeLists.txt descends into it
  mkdir -p "$source_dir/examples"
  touch "$source_dir/examples/CMakeLists.txt"
  local patch
  while read -r patch; do
    echo "patch: $patch"
    patch --directory="$source_dir" --strip=1 --batch --forward --no-backup-if-mismatch <"$patch" || return 1
  done < <(list_patches)
}

# Without NumPy in PYTHON_EXECUTABLE CMake leaves the bindings out and ends with a riddle about "pytest".
# Caffe's CMake files set a run path of their own; ours goes past them: Caffe's libraries lie in one folder ($ORIGIN),
# NVIDIA's beside it.
configure() {
  local runpath=\$ORIGIN places=()
  if [[ -n $cuda ]]; then
    runpath+=:\$ORIGIN/../nvidia/cu13/lib:\$ORIGIN/../nvidia/cudnn/lib
    places=("-DCMAKE_CUDA_COMPILER=$toolkit/nvidia/cu13/bin/nvcc" "-DCUDNN_ROOT=$toolkit/nvidia/cudnn")
  fi
  cmake -S "$source_dir" -B "$object_dir" "${cmake_options[@]}" "${places[@]}" -DPYTHON_EXECUTABLE="$python" \
    -DONEDNN_ROOT="$onednn_dir" -DCMAKE_SKIP_RPATH=ON "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,-rpath,'$runpath'" -Wno-dev
}

compile() { cmake --build "$object_dir" --target pycaffe --parallel "${JOBS:-$(nproc)}"; }

# Into a folder beside the old one, then renamed: a broken copy never takes the place of a build that works.
install_package() {
  local new=$site/caffe.new library
  rm -rf "$new"
  cp -R "$source_dir/python/caffe" "$new"
  rm -rf "$new"/*.cpp "$new"/_caffe.so "$new/test"
  cp -L "$object_dir/lib/_caffe.so" "$new/_caffe.so"
  library=$(readlink -f "$object_dir/lib/libcaffe.so")
  cp "$library" "$new/$(objdump -p "$library" | awk '/SONAME/ {print $2}')"
  cp "$source_dir/LICENSE" "$new/LICENSE"
  if [[ $onednn = ON ]]; then
    cp "$onednn_dir/lib/libdnnl.so.3" "$new/"
    mkdir "$new/onednn"
    cp "$onednn_dir"/doc/{LICENSE,THIRD-PARTY-PROGRAMS} "$new/onednn/"
  fi
  strip --strip-unneeded "$new"/*.so*
  install_tests
  rm -rf "$site/caffe"
  mv "$new" "$site/caffe"
  # the stamp comes last, and only with a package that works
  caffe_imports
  describe_build >"$site/caffe/BUILD"
}

# In the folders they know from Caffe's source: one test draws all the nets of models/ and examples/.
install_tests() {
  local tests=$venv/share/caffe
  rm -rf "$tests"
  mkdir -p "$tests/python/caffe"
  cp -R "$source_dir/python/caffe/test" "$tests/python/caffe/test"
  cp -R "$source_dir/models" "$source_dir/examples" "$tests/"
}

main() {
  parse_options "$@"
  choose_options
  check_platform
  install_apt_packages
  [[ -z $apt_only ]] || return 0
  make_venv
  venv=$(cd "$venv" && pwd)
  python=$venv/bin/python
  install_requirements "$root/requirements.txt" "the Python packages of requirements.txt"
  [[ -z $cuda ]] || install_requirements "$cuda_libraries" "NVIDIA's libraries, 2 GB"
  site=$(site_packages)
  source_dir=$build/caffe/source object_dir=$build/caffe/objects onednn_dir=$build/caffe/onednn toolkit=$build/caffe/cuda
  if is_installed; then
    say "Caffe is installed in $venv already"
    return 0
  fi
  fetch_source
  step unpack "Unpacking and patching Caffe" unpack_source
  if [[ $onednn = ON ]]; then
    fetch_onednn
    step unpack-onednn "Unpacking oneDNN" unpack_onednn
  fi
  [[ -z $cuda ]] || step cuda "Unpacking NVIDIA's compiler" make_toolkit
  step configure "Configuring Caffe" configure
  local minutes="2 to 4"
  [[ -z $cuda ]] || minutes="10 to 30"
  step compile "Compiling Caffe, $minutes minutes on two cores" compile
  step install "Installing Caffe into $venv" install_package
  say "import caffe works in $venv; build/ may be removed"
}

main "$@"
