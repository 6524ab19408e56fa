#!/usr/bin/env bash
# The pinned environment of a node, into /opt/tracegen: install.sh REQUIREMENTS. For Amazon Linux 2023, as root. User data runs
# it at first boot, and infra/image/build.py to bake an image; where the same requirements are installed it does nothing.
# tracegen itself is not among them: a job brings its own (`ray job submit --working-dir .`).
set -euo pipefail

requirements=$1
home=/opt/tracegen
wanted=$(sha256sum <"$requirements")

id ray >/dev/null 2>&1 || useradd --system --create-home --home-dir /home/ray ray
if [[ -f $home/installed && $(<"$home/installed") == "$wanted" ]]; then
  exit 0
fi

# The compiler is for C++ answers on verifiers and for what vLLM builds on teachers, which needs Python's headers as well.
dnf -q -y install python3.11 python3.11-devel gcc-c++
rm -rf "$home"
python3.11 -m venv "$home"
"$home/bin/python" -m pip install --disable-pip-version-check --no-cache-dir --quiet --no-deps --requirement "$requirements"
echo "$wanted" >"$home/installed"
