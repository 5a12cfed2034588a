#!/bin/sh
# Installs what the bench compares with under .cache/bench: a Python environment and a folder of npm packages.
# Each peer is tried by itself; the table at the end says which are there.
cd "$(dirname "$0")/.." || exit 1
folder=.cache/bench
mkdir -p "$folder/js"

python=${PYTHON:-python3}
[ -x "$folder/venv/bin/python" ] || "$python" -m venv "$folder/venv"
for package in numpy==2.4.6 jax==0.10.2 torch==2.15.0; do
  "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$package"
done

[ -f "$folder/js/package.json" ] || echo '{ "name": "peers", "private": true }' >"$folder/js/package.json"
for packages in "@tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0" "@jax-js/jax@0.1.25"; do
  # shellcheck disable=SC2086
  npm install --prefix "$folder/js" --ignore-scripts --no-audit --no-fund --loglevel=error --save-exact $packages
done

echo
for module in numpy jax torch; do
  "$folder/venv/bin/python" -c "import $module; print('$module', $module.__version__)" 2>/dev/null ||
    echo "$module is missing"
done
for package in @tensorflow/tfjs @tensorflow/tfjs-backend-wasm @jax-js/jax; do
  file="$folder/js/node_modules/$package/package.json"
  if [ -f "$file" ]; then
    node -p "'$package ' + JSON.parse(require('fs').readFileSync('$file', 'utf8')).version"
  else
    echo "$package is missing"
  fi
done
command -v c++ >/dev/null || echo "torch.compile needs a C++ compiler, and there is none"
