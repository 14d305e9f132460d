#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Build the fuzz targets and run each of them: run.sh [SECONDS | EXECUTIONSx] [TARGET...]
#   run.sh 60              a minute each
#   run.sh 10000000x http  ten million executions of fuzz_http
# BUILD and CORPUS name the folders for the build and the growing corpora; findings stay in BUILD. OPTIONS are for libFuzzer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$root/build-fuzz}
CORPUS=${CORPUS:-$BUILD/corpus}
length=${1:-60}
[ $# -gt 0 ] && shift

case $length in
*x) limit="-runs=${length%x}" ;;
*) limit="-max_total_time=$length" ;;
esac
cmake -S "$root" -B "$BUILD" -DCMAKE_C_COMPILER="${CC:-clang}" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPX_FUZZ=ON >/dev/null
targets=${*:-$(sed -n 's/^\t&px_parser_\([a-z0-9]*\),.*/\1/p' "$root/parsers/registry.c") replay capture}
for name in $targets; do
	cmake --build "$BUILD" --target "fuzz_$name" -- >/dev/null
	mkdir -p "$CORPUS/$name"
	seeds=$here/$name/seeds
	if [ "$name" = replay ]; then
		seeds=$BUILD/tapes
		mkdir -p "$seeds"
		for tape in "$root"/tests/golden/*/tape.gz; do
			gzip -dc "$tape" >"$seeds/$(basename "$(dirname "$tape")")"
		done
	fi
	[ -d "$seeds" ] || seeds=
	dict=
	if [ "$name" = capture ]; then
		seeds=$BUILD/capture-seeds
		python3 "$here/capture_seeds.py" "$seeds"
	fi
	[ -f "$here/$name/$name.dict" ] && dict="-dict=$here/$name/$name.dict"
	echo "fuzz_$name $limit"
	# shellcheck disable=SC2086
	"$BUILD/tests/fuzz_$name" $limit $dict ${OPTIONS:-} -artifact_prefix="$BUILD/$name-" -timeout=10 -rss_limit_mb=1024 \
		-print_final_stats=1 "$CORPUS/$name" ${seeds:+"$seeds"}
done
