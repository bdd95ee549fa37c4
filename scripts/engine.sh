#!/bin/sh
# Installs llama.cpp's server and a small model for `make deep` into an environment of its own: compiling takes some minutes.
# The environment is the first argument, the Python that makes it the second.
set -eu
environment=$1
python=$2
echo "Compiling llama.cpp, which takes some minutes."
"$python" -m venv "$environment"
# For any processor of this kind: a virtual machine can announce instructions that it doesn't carry out.
CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
-DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TESTS=OFF" nice -n 10 "$environment/bin/python" -m pip install -qq --disable-pip-version-check \
    --requirement requirements-engine.txt
touch "$environment/.done"
