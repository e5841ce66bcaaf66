#!/usr/bin/env bash
# Fuzzes a running server from its OpenAPI document with Schemathesis, which it installs from PyPI into target/.
#
#   tests/schemathesis.sh URL TOKEN [OPTION…]
#
#   URL      the server's address, on this machine only: http://127.0.0.1:8080
#   TOKEN    an access token, sent with every request
#   OPTION…  more for `schemathesis run`
#
# About CASES (2800) cases, spread evenly over the operations, and at least one for each. What ends the token's session
# is left out, and afterwards the token must still count: else most answers would be 401s. Start the server with
# MANAGER_RATE_LIMITS=off: a 429 hides what lies behind it. Fails on a server error, and on a status, header, content type
# or body which openapi/openapi.json does not promise.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "${1:-}" = --help ] || [ $# -lt 2 ]; then
  sed -n '2,/^$/s/^# \{0,1\}//p' tests/schemathesis.sh
  [ "${1:-}" = --help ] && exit 0 || exit 2
fi
url=$1 token=$2
shift 2
if ! [[ $url =~ ^http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?/?$ ]]; then
  echo "schemathesis.sh: $url is not an address on this machine" >&2
  exit 2
fi

document=$PWD/openapi/openapi.json
venv=$(realpath -m "${CARGO_TARGET_DIR:-target}/schemathesis")
if ! [ -x "$venv/bin/schemathesis" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet 'schemathesis>=4.32,<5'
fi

operations=$(jq '[.paths[] | keys[] | select(IN("get", "put", "post", "patch", "delete"))] | length' "$document")
examples=$((${CASES:-2800} / operations))

# Schemathesis and Hypothesis leave files in the current folder.
cd "$venv"
# Only the fuzzing phase keeps to a number of cases. Without shrinking, so that failures do not add requests.
"$venv/bin/schemathesis" run "$document" --url "$url" --header "Authorization: Bearer $token" \
  --checks not_a_server_error,status_code_conformance,response_schema_conformance,content_type_conformance,response_headers_conformance \
  --exclude-operation-id log_out --exclude-operation-id end_session --exclude-operation-id end_other_sessions \
  --exclude-operation-id delete_account --exclude-operation-id change_password \
  --phases fuzzing --max-examples "$((examples > 0 ? examples : 1))" --no-shrink --continue-on-failure \
  --generation-database none \
  --request-timeout 10 --max-redirects 0 --workers 1 "$@"
curl -sSf -o /dev/null -H "Authorization: Bearer $token" "${url%/}/v1/me" || {
  echo "schemathesis.sh: the token no longer counts; what was tested after that was the refusal" >&2
  exit 1
}
