#!/bin/sh
# The proof that a module cannot tell how it is run, and one whole release, on every ansible-core that is served.
# Called by `./steady test lanes`; the environments of the older ones are made from locks, like every other.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$here"
python=$(.venv/bin/python -c 'import sys; print(sys.executable)')
export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 # as in ./steady
collections=$(.venv/bin/python -c 'import ansible_collections.amazon.aws as c, pathlib; print(pathlib.Path(list(c.__path__)[0]).parents[2])')

for lane in 2.19 2.20; do
    folder=.state/lanes/$lane
    lock=requirements/lane-$lane.txt
    if [ "$(cat "$folder/.lock" 2>/dev/null)" != "$(cksum <"$lock")" ]; then
        rm -rf "$folder"
        "$python" -m venv "$folder"
        .venv/bin/uv pip install -q --python "$folder/bin/python" --require-hashes -r "$lock"
        cksum <"$lock" >"$folder/.lock"
    fi
    echo "== ansible-core $lane"
    STEADY_LANE=$here/$folder/bin STEADY_LANE_COLLECTIONS=$collections pytest -q -n 2 --dist loadscope tests/lanes tests/e2e/test_result_file.py
done
echo "== ansible-core of the main environment"
pytest -q -n 2 --dist loadscope tests/lanes tests/e2e/test_result_file.py
