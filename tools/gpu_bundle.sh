#!/usr/bin/env bash
# Runs this checkout on a GPU machine that has a PyTorch for CUDA 13 and no package index.
#
# usage: tools/gpu_bundle.sh pack VENV FILE             here, on Debian 12: make the bundle
#        tools/gpu_bundle.sh run FILE [COMMAND ...]     there: unpack it; run COMMAND, by default the tests, in it
#
#   VENV  an environment made by `docker/build_caffe.sh --cuda --arch 90` or wider, with the development tools
#   FILE  the bundle, rpn2t-gpu.tar.gz: Python, Caffe and all that they link, down to libc; no weights, no CUDA
#
# COMMAND finds `python`, with this checkout's rpn2t, on its PATH. The CUDA libraries are those of the PyTorch that
# some python3 on the PATH has, or of the folder named in CUDA_LIBRARIES. RPN2T_DEVICE (gpu:0) is the device of the
# tests: Caffe's own, then those of ours that make nets. Each file has LIMIT seconds (180). Of OpenCV the bundle has resize
# alone, bit for bit.
set -euo pipefail

readonly TESTS=(
  nets/test_layers nets/test_patch nets/test_backbone
  tracker/test_head tracker/test_learning tracker/test_windows tracker/test_tracker
)
readonly OPENCV=(libopencv-core-dev libopencv-imgproc-dev libtbb12)
# what libcurl and libcrypto bring
readonly CLOUD='libcurl libcrypto libssl libgnutls libkrb5 libk5 libgssapi libkeyutils libcom_err libldap liblber libsasl libssh libnghttp libnettle libhogweed libgmp libp11 libtasn libidn libunistring libpsl librtmp libbrotli libresolv'
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() { printf 'gpu_bundle: %s\n' "$*" >&2; exit 2; }

# ---- pack

pack() {
  local venv=$1 file=$2 stage=$root/build/gpu/bundle
  site=$venv/lib/python3.11/site-packages
  [[ -d $site/nvidia/cu13 && -f $site/caffe/_caffe.so ]] || die "$venv: no Caffe with CUDA in it"
  rm -rf "$stage"
  mkdir -p "$stage/bin" "$stage/lib" "$stage/site"
  pack_python "$stage"
  pack_packages "$stage"
  pack_opencv "$stage"
  pack_libraries "$stage"
  find "$stage" -name __pycache__ -prune -exec rm -rf {} +
  # xz inside, since gzip leaves twice as much; the x86 filter because nearly all of it is machine code
  tar -C "$stage" -c . | xz -T1 --x86 --lzma2=preset=9 >"$root/build/gpu/bundle.tar.xz"
  tar -C "$root/build/gpu" -czf "$file" bundle.tar.xz
  printf '%s: %s bytes\n' "$file" "$(stat -c %s "$file")"
}

# /usr/bin/python3.11 holds the interpreter once more; _caffe.so links libpython anyway.
pack_python() {
  echo 'int Py_BytesMain(int, char**); int main(int n, char** words) { return Py_BytesMain(n, words); }' |
    gcc -x c - -o "$1/bin/python3.11" -Wl,--no-as-needed -l:libpython3.11.so.1.0
  (cd /usr/lib && tar -c --exclude=__pycache__ --exclude='config-*' --exclude=test --exclude=ensurepip --exclude=lib2to3 \
    --exclude=idlelib --exclude=pydoc_data --exclude=tkinter --exclude=turtledemo --exclude='sitecustomize.py' python3.11) |
    tar -x -C "$1/lib"
  rm "$1"/lib/python3.11/lib-dynload/{_ssl,_hashlib,_dbm,_sqlite3,_curses,_curses_panel,readline,nis,ossaudiodev,audioop}.*
  rm "$1"/lib/python3.11/lib-dynload/{_test,_xxtest,xxlimited,_codecs_}*
}

pack_packages() {
  local name
  for name in caffe google numpy numpy.libs six.py threadpoolctl.py py.py pytest _pytest pluggy iniconfig packaging click pygments; do
    cp -RL "$site/$name" "$1/site/"
  done
  cp -R "$site"/{pytest,pluggy}-*.dist-info "$1/site/"
  rm -rf "$1"/site/numpy/{f2py,tests,*/tests,_core/include,_core/lib,random/lib,*.pyi,*/*.pyi}
  rm -f "$1"/site/numpy/_core/*_tests.*
  find "$1"/site/pygments/{lexers,styles} -name '[a-z]*.py' ! -name python.py ! -name diff.py ! -name default.py -delete
  cp -R "$site/../../../share/caffe/python/caffe/test" "$1/caffe-tests"
  rm "$1/caffe-tests/test_draw.py" # wants graphviz
  # caffe.io imports these by name
  mkdir -p "$1"/site/{scipy,skimage}
  touch "$1"/site/{scipy,skimage}/__init__.py "$1/site/skimage/io.py"
  echo 'zoom = None' >"$1/site/scipy/ndimage.py"
  echo 'resize = None' >"$1/site/skimage/transform.py"
}

pack_opencv() {
  local debs=$root/build/gpu/opencv
  mkdir -p "$debs"
  (cd "$debs" && apt-get download -q "${OPENCV[@]}" && for deb in *.deb; do dpkg -x "$deb" .; done) >/dev/null 2>&1
  opencv=$debs/usr/lib/x86_64-linux-gnu
  cat >"$debs/resize.cpp" <<'CPP'
#include <opencv2/imgproc.hpp>
extern "C" void* glXGetProcAddressARB(const unsigned char*) { return nullptr; }  // no OpenGL
extern "C" void resize(const unsigned char* from, int rows, int columns, size_t step, int channels,
                       unsigned char* to, int to_rows, int to_columns, int interpolation) {
  const cv::Mat source(rows, columns, CV_8UC(channels), const_cast<unsigned char*>(from), step);
  cv::Mat target(to_rows, to_columns, CV_8UC(channels), to);
  cv::resize(source, target, target.size(), 0, 0, interpolation);
}
CPP
  # by its archives, for the parts alone that are called
  g++ -O2 -shared -fPIC -I"$debs/usr/include/opencv4" -I"$debs/usr/include/x86_64-linux-gnu/opencv4" "$debs/resize.cpp" \
    -o "$1/lib/libresize.so" -Wl,--gc-sections,--exclude-libs,ALL,--as-needed "$opencv"/libopencv_{imgproc,core}.a \
    -L"$opencv" -l:libtbb.so.12 -lz
  cat >"$1/site/cv2.py" <<'PYTHON'
import ctypes
import struct
import zlib
import numpy as np

INTER_LINEAR, INTER_CUBIC, INTER_AREA = 1, 2, 3
_resize = ctypes.CDLL("libresize.so").resize
_integer, _pointer = ctypes.c_int, ctypes.c_void_p
_resize.argtypes = [_pointer, _integer, _integer, ctypes.c_size_t, _integer, _pointer] + [_integer] * 3


def resize(image, size, interpolation=INTER_LINEAR):
    """OpenCV's, for uint8 (height, width, channels) whose rows are contiguous."""
    rows, columns, channels = image.shape
    assert image.dtype == np.uint8 and image.strides[1:] == (channels, 1)
    out = np.empty((size[1], size[0], channels), np.uint8)
    _resize(image.ctypes.data, rows, columns, image.strides[0], channels, out.ctypes.data, size[1], size[0], interpolation)
    return out


def imwrite(path, image):
    """OpenCV's, for uint8 (height, width, 3) as PNG."""
    rows, columns, _ = image.shape
    lines = np.zeros((rows, 1 + 3 * columns), np.uint8)
    lines[:, 1:] = image[:, :, ::-1].reshape(rows, -1)
    chunks = [(b"IHDR", struct.pack(">2I5B", columns, rows, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, data in chunks:
            file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))
    return True
PYTHON
}

# Everything that is linked, the loader and libc too, so that the system there does not matter; no CUDA.
pack_libraries() {
  local file path
  while read -r file; do
    LD_LIBRARY_PATH=$opencv:$site/nvidia/cu13/lib:$site/nvidia/cudnn/lib ldd "$file" 2>/dev/null || true
  done < <(find "$1" -type f \( -name '*.so*' -o -name python3.11 \)) |
    awk '$2 == "=>" && $3 ~ /^\// {print $1, $3}' | sort -u | grep -vE "^(${CLOUD// /|})" |
    while read -r file path; do
      case $path in "$site"/* | "$1"/*) ;; *) cp -L "$path" "$1/lib/$file" ;; esac
    done
  cp -L /lib64/ld-linux-x86-64.so.2 "$1/lib/"
  # HDF5 links them for files in the cloud: their names will do
  stub "$1"/lib/libhdf5_serial.so.* "$1/lib/libcurl.so.4" '@CURL_OPENSSL_4' '__builtin_trap();'
  stub "$1"/lib/libhdf5_serial.so.* "$1/lib/libcrypto.so.3" '@OPENSSL_3.0.0' '__builtin_trap();'
  # a third of the bundle, and the CPU's convolutions can do without (CAFFE_ONEDNN=0): asked for the processor's kind, it
  # says the plainest
  stub "$1"/site/caffe/libcaffe.so.* "$1/site/caffe/libdnnl.so.3" '' 'return 0;' dnnl_
}

# stub USER LIBRARY VERSION BODY [PREFIX] : a library with the functions that USER takes from the real one, of one version
# (or none, and a prefix). All they do is BODY.
stub() {
  local name=${2##*/} script=()
  [[ -z $3 ]] || script=("-Wl,--version-script=$1.map")
  [[ -z $3 ]] || echo "${3#@} { *; };" >"$1.map"
  nm -D --undefined-only "$1" | sed -n "s/^ *U \\(${5:-}.*\\)$3\$/long \\1(void) { $4 }/p" |
    gcc -shared -fPIC -w -x c - -o "$2" -Wl,-soname,"$name" "${script[@]}"
  rm -f "$1.map"
}

# ---- run

run() {
  local file=$1 home
  shift
  [[ -f $file ]] || die "$file: no such bundle"
  home=${TMPDIR:-/tmp}/rpn2t-gpu.$(sha256sum "$file" | cut -c 1-12)
  [[ -x $home/bin/python ]] || unpack "$file" "$home"
  export PATH=$home/bin:$PATH PYTHONDONTWRITEBYTECODE=1 CAFFE_ONEDNN=0 RPN2T_DEVICE=${RPN2T_DEVICE:-gpu:0}
  export PYTHONPATH=$root/python:$home/site:$home/plugin
  if [[ $# -gt 0 ]]; then exec "$@"; fi
  tests "$home"
}

unpack() {
  local new=$2.new cuda
  cuda=${CUDA_LIBRARIES:-$(find_cuda)}
  rm -rf "$new" "$2"
  mkdir -p "$new/plugin"
  tar -xzf "$1" -C "$new"
  if command -v xz >/dev/null; then
    tar -xJf "$new/bundle.tar.xz" -C "$new"
  else
    python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2], filter="tar")' "$new/bundle.tar.xz" "$new"
  fi
  rm "$new/bundle.tar.xz"
  printf '%s\n' "$DEVICE_PLUGIN" >"$new/plugin/rpn2t_device.py"
  # this Python by its own loader; sys.executable is this file, so that a test's child process works too
  printf '#!/bin/sh\nexec "%s" --argv0 "%s" --library-path "%s" "%s" "$@"\n' "$2/lib/ld-linux-x86-64.so.2" \
    "$2/bin/python" "$2/lib:$cuda" "$2/bin/python3.11" >"$new/bin/python"
  chmod +x "$new/bin/python"
  mv "$new" "$2"
}

# The folders of libcudart, libcublas, libcurand and libcudnn, and of the driver, joined by colons.
find_cuda() {
  local python folders='' driver
  for python in $(type -ap python3 python | sort -u); do
    folders=$("$python" -c "$FIND_CUDA" 2>/dev/null) && break
  done
  [[ -n $folders ]] || die "no python3 on the PATH has NVIDIA's libraries for CUDA 13; name their folders in CUDA_LIBRARIES"
  driver=$("$python" -c "$FIND_DRIVER")
  printf '%s' "$folders${driver:+:$driver}"
}

readonly FIND_CUDA='
import glob, os, sys
wanted = ["libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libcurand.so.10", "libcudnn.so.9", "libnvrtc.so.13"]
places = [f"{path}/nvidia/*/lib" for path in sys.path] + ["/usr/local/cuda/lib64", "/usr/lib/x86_64-linux-gnu"]
folders = [folder for place in places for folder in sorted(glob.glob(place))]
found = [next((f for f in folders if os.path.exists(f"{f}/{name}")), None) for name in wanted]
sys.exit(1) if None in found else print(":".join(dict.fromkeys(found)))
'

# The loader's cache may not know the driver's folder, which a container has from its host: it is loaded, or looked for.
readonly FIND_DRIVER='
import ctypes, glob, os
for name in ["libcuda.so.1", *glob.glob("/usr/local/nvidia/lib*/libcuda.so.1"), *glob.glob("/usr/lib*/**/libcuda.so.1", recursive=True)]:
    try:
        ctypes.CDLL(name)
    except OSError:
        continue
    found = [line.split()[-1] for line in open("/proc/self/maps") if "/libcuda.so" in line]
    print(os.path.dirname(found[0]))
    break
'

# Tests that ask for the CPU get RPN2T_DEVICE.
readonly DEVICE_PLUGIN='
import os
import rpn2t.tracker.loop
from rpn2t.nets import device

_choose = device.choose_device


def choose_device(spec="auto", *rounding):
    return _choose(os.environ["RPN2T_DEVICE"] if spec == "cpu" else spec, *rounding)


device.choose_device = rpn2t.tracker.loop.choose_device = choose_device


def pytest_runtest_setup():
    choose_device("cpu").activate()
'

tests() {
  local files=() name failed=0
  for name in "${TESTS[@]}"; do
    [[ -f $root/tests/$name.py ]] || die "tests/$name.py is gone; TESTS in this script names it"
    files+=("$root/tests/$name.py")
  done
  python -c "
import os
from rpn2t.errors import InputError
from rpn2t.nets.device import choose_device
try:
    choose_device(os.environ['RPN2T_DEVICE'])
except InputError as error:
    raise SystemExit(f'gpu_bundle: {error}')" || exit 2
  echo "== Caffe's tests on $RPN2T_DEVICE"
  GLOG_minloglevel=2 timeout -k 5 "${LIMIT:-180}" python -W ignore -c "
import os, sys, unittest
from rpn2t.nets.device import choose_device
choose_device(os.environ['RPN2T_DEVICE']).activate()
unittest.main(module=None, argv=['unittest', 'discover', '-s', '$1/caffe-tests'])" || failed=1
  # a process and a time limit a file: a failed check of Caffe's own ends its process
  for name in "${files[@]}"; do
    echo "== ${name#"$root/"} on $RPN2T_DEVICE"
    (cd "$root" && timeout -k 5 "${LIMIT:-180}" python -m pytest -q -p rpn2t_device -p no:cacheprovider \
      -k 'not caffe_importer and not grey and not every_frame_has' "$name") || { echo "exit status $?"; failed=1; }
  done
  return $failed
}

case ${1:-} in
  pack) [[ $# = 3 ]] || die "usage: tools/gpu_bundle.sh pack VENV FILE"; pack "$2" "$(realpath -m "$3")" ;;
  run) [[ $# -ge 2 ]] || die "usage: tools/gpu_bundle.sh run FILE [COMMAND ...]"; run "$(realpath "$2")" "${@:3}" ;;
  *) sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; [[ ${1:-} = --help || ${1:-} = -h ]] || exit 2 ;;
esac
