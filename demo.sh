#!/usr/bin/env bash
# From real handwriting to an HTTP answer. `make demo` calls this with .venv on the PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export BENTOML_DO_NOT_TRACK=True
# For a network this small a second thread brings nothing, and on a busy machine costs minutes.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

folder=$(mktemp -d)
server=
clean_up() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" || true
  fi
  rm -rf "$folder"
}
trap clean_up EXIT

shows() { # prints a command, as one would type it
  printf '\n$ %s\n' "$*"
}

shows 'RUN=$(wfctl train digits)'
RUN=$(wfctl train digits --device cpu)
echo "$RUN"

shows "ARTIFACT=\$(wfctl export $RUN)"
ARTIFACT=$(wfctl export "$RUN")
ls -l "$ARTIFACT"

shows "wfctl benchmark $ARTIFACT --quick --row-limit 5"
wfctl benchmark "$ARTIFACT" --quick --row-limit 5

shows "wfctl serve $ARTIFACT --port 0 &"
wfctl serve "$ARTIFACT" --port 0 2>"$folder/serve.log" &
server=$!
url=
for _ in $(seq 300); do
  url=$(sed -n 's/^serving .* at \(http:[^ ]*\)$/\1/p' "$folder/serve.log")
  if [ -n "$url" ]; then break; fi
  if ! kill -0 "$server" 2>/dev/null; then break; fi
  sleep 0.2
done
cat "$folder/serve.log" >&2
[ -n "$url" ] || { echo "demo: the service did not start" >&2; exit 1; }

# A digit that the training has not seen, as the PNG file that someone would send.
label=$(python - "$folder/digit.png" <<'PYTHON'
import sys

from PIL import Image

from wfctl.models.digits import Digits

pixels, label = Digits("val")[17]
Image.fromarray(pixels.squeeze(-1).numpy()).save(sys.argv[1])
print(label)
PYTHON
)

shows "curl --data-binary @digit.png -H 'content-type: image/png' $url/predict"
answer=$(python - "$folder/digit.png" "$url/predict" <<'PYTHON'
import json
import sys
import urllib.request
from pathlib import Path

picture, url = Path(sys.argv[1]), sys.argv[2]
request = urllib.request.Request(url, picture.read_bytes(), {"content-type": "image/png"})
with urllib.request.urlopen(request, timeout=30) as response:
    answer = json.load(response)
print(json.dumps(answer))
print(answer["predictions"][0]["label"])
PYTHON
)
head -n 1 <<<"$answer"
predicted=$(tail -n 1 <<<"$answer")

kill "$server"
wait "$server" || { echo "demo: the service did not stop cleanly" >&2; exit 1; }
server=

printf '\npredicted digit: %s   true label: %s\n' "$predicted" "$label"
[ "$predicted" = "$label" ] || { echo "demo: the answer is wrong" >&2; exit 1; }
