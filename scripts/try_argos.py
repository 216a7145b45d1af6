"""Installs an exported package into Argos Translate and translates with it, offline.

    translator export runs/multi30k_en_de --format argos --output exported
    python scripts/try_argos.py exported --environment /tmp/argos --text "A man rides a bike."

Argos Translate gets a virtual environment of its own, because it brings PyTorch, spaCy and Stanza (several gigabytes);
one that is there already is used again. Its packages and settings go to a temporary folder. Each text is taken as one
sentence: the model that splits texts (MiniSBD) would have to be downloaded.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

# Runs in that environment, where this package is not: JSON in, JSON out.
TRANSLATE = """
import json, sys
from argostranslate import package, sbd, settings, translate
given = json.load(sys.stdin)
sbd.MiniSBDSentencizer.split_sentences = lambda self, text: [text]
package.install_from_path(given["package"])
(installed,) = package.get_installed_packages()
assert translate.get_translation_from_codes(installed.from_code, installed.to_code) is not None
found = [translate.translate(text, installed.from_code, installed.to_code) for text in given["texts"]]
json.dump({"installed": str(installed), "readme": installed.get_readme(), "translations": found}, sys.stdout)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, help="a folder that `translator export --format argos` wrote")
    parser.add_argument("--environment", type=Path, default=Path("argos-environment"), help="of Argos Translate")
    parser.add_argument("--text", action="append", help="to translate; may be repeated")
    given = parser.parse_args()
    packages = list(given.export.glob("*.argosmodel"))
    if len(packages) != 1:
        parser.error(f"{given.export} holds {len(packages)} packages (*.argosmodel), not one")
    python = given.environment / "bin" / "python"
    if not python.exists():
        venv.create(given.environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "argostranslate~=1.11"], check=True)
    texts = given.text or ["A man rides a bike."]
    with tempfile.TemporaryDirectory() as home:
        folders = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), home)
        ran = subprocess.run(
            [python, "-c", TRANSLATE], input=json.dumps({"package": str(packages[0].resolve()), "texts": texts}),
            capture_output=True, text=True, check=False, env=os.environ | folders | {"PYTHONPATH": ""},
        )  # fmt: skip
    if ran.returncode != 0:
        print(ran.stderr, file=sys.stderr)
        return 1
    found = json.loads(ran.stdout.splitlines()[-1])
    print(f"installed: {found['installed']}\n\n{found['readme']}")
    for text, translation in zip(texts, found["translations"], strict=True):
        print(f"{text}\n  {translation}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
