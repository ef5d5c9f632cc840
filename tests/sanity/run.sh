#!/bin/sh
# ansible-test sanity on what ships: build, install into an empty root, test there. In a checkout it would meet links.
# Its environments are kept in .state/sanity: about two minutes the first time, twenty seconds later.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
PATH="$here/.venv/bin:$PATH"
person=$HOME
HOME="$here/.state/sanity"
export PATH HOME
mkdir -p "$HOME/.config" "$HOME/.pip"
# The person's settings of pip (index, certificates) hold here too; ansible-test passes none of its variables on.
[ ! -d "$person/.config/pip" ] || ln -sfn "$person/.config/pip" "$HOME/.config/pip"
{
    echo "[global]"
    env | sed -n 's/^PIP_\([A-Z_]*=\)/\1/p' | while IFS='=' read -r name value; do
        echo "$(echo "$name" | tr 'A-Z_' 'a-z-') = $value"
    done
} >"$HOME/.pip/pip.conf"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
ansible-galaxy collection build --output-path "$root" "$here" >/dev/null
ansible-galaxy collection install --force --no-deps --offline -p "$root" "$root"/steady-ecs-*.tar.gz >/dev/null 2>&1
mkdir -p "$root/ansible_collections/amazon"
ln -s "$(python -c 'import ansible_collections.amazon.aws as c; print(list(c.__path__)[0])')" \
    "$root/ansible_collections/amazon/aws"
# ansible-test downloads a script that installs pip, unless it finds one; the pip that Python brings serves as well. The
# script's name carries the version of pip that this ansible-test pins.
python - <<'P'
import pathlib
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

pip = get_venv_packages(SimpleNamespace(version="3.13"))["pip"].replace(".", "_")
file = pathlib.Path.home() / ".ansible/test/cache" / f"get_pip_{pip}.py"
file.parent.mkdir(parents=True, exist_ok=True)
file.write_text(
    "import subprocess, sys\n"
    "subprocess.check_call([sys.executable, '-m', 'ensurepip'])\n"  # in this process it would turn off pip's settings
    "wanted = [each for each in sys.argv[1:] if not each.startswith('--no-')]\n"
    "subprocess.check_call([sys.executable, '-m', 'pip', 'install', *wanted])\n"
)
P
cd "$root/ansible_collections/steady/ecs"
ansible-test sanity --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" "$@"
