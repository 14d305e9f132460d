#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Build the fuzz targets and run each of them: run.sh [SECONDS | EXECUTIONSx | check] [TARGET...]
#   run.sh 60              a minute each
#   run.sh 10000000x http  ten million executions of fuzz_http
#   run.sh check           what tests/run does: the seeds, then 200,000 executions that are the same ones each time for
#                          the same program; two targets at once, a line for each, output in BUILD/check
# BUILD and CORPUS name the folders for the build and the growing corpora; findings stay in BUILD. OPTIONS are for libFuzzer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$root/build-fuzz}
CORPUS=${CORPUS:-$BUILD/corpus}
length=${1:-60}
[ $# -gt 0 ] && shift
targets=${*:-$(sed -n 's/^\t&px_parser_\([a-z0-9]*\),.*/\1/p' "$root/parsers/registry.c") replay capture filter}

# The first inputs of a target, in $seeds, and its words, in $dict; empty where there are none. $most: bytes of an input
# that are enough in a check, $checks: executions of it.
prepare() {
	seeds=$here/$1/seeds dict='' most=128 checks=200000
	case $1 in
	filter) checks=50000 ;; # each of them is eight expressions
	replay)
		most=1200
		seeds=$BUILD/tapes
		mkdir -p "$seeds"
		for tape in "$root"/tests/golden/*/tape.gz; do
			gzip -dc "$tape" >"$seeds/$(basename "$(dirname "$tape")")"
		done
		;;
	capture)
		most=300
		seeds=$BUILD/capture-seeds
		python3 "$here/capture_seeds.py" "$seeds"
		;;
	esac
	[ -d "$seeds" ] || seeds=
	[ -f "$here/$1/$1.dict" ] && dict=-dict=$here/$1/$1.dict
	return 0
}

# fuzz NAME OPTION-OR-FOLDER...
as_always=
fuzz() {
	name=$1
	shift
	# shellcheck disable=SC2086
	$as_always "$BUILD/tests/fuzz_$name" $dict ${OPTIONS:-} -artifact_prefix="$BUILD/$name-" -rss_limit_mb=1024 \
		-print_final_stats=1 "$@"
}

# The inputs in an order of their own, not the folder's; nothing from an earlier run; no clock; and addresses, which are
# among the numbers that libFuzzer sees compared and tries in inputs, where they always are.
check() {
	prepare "$1"
	log=$BUILD/check/$1.log list=$BUILD/check/$1.seeds
	rm -rf "$BUILD/check/$1"
	mkdir -p "$BUILD/check/$1"
	find ${seeds:+"$seeds"} -type f | LC_ALL=C sort | paste -sd, >"$list"
	if fuzz "$1" -seed=1 -entropic=0 -runs=$checks -max_len=$most -reload=0 -timeout=60 -seed_inputs="@$list" \
		"$BUILD/check/$1" >"$log" 2>&1; then
		echo "ok fuzz_$1 $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") executions," \
			"$(sed -n 's/.*DONE *cov: \([0-9]*\).*/\1/p' "$log") edges"
	else
		echo "FAIL fuzz_$1, see $log"
		grep -aE '^(contract:|SUMMARY|Base64|a loss )|Test unit written| differs$| messages$' "$log" || tail -n 5 "$log"
	fi
}

lane() {
	for one; do
		check "$one"
	done
}

cmake -S "$root" -B "$BUILD" -DCMAKE_C_COMPILER="${CC:-clang}" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPX_FUZZ=ON >/dev/null
# shellcheck disable=SC2046,SC2086
cmake --build "$BUILD" --target $(printf 'fuzz_%s ' $targets) -- >/dev/null
case $length in
check)
	setarch "$(uname -m)" -R true 2>/dev/null && as_always="setarch $(uname -m) -R"
	one='' other=''
	for name in $targets; do
		[ ${#one} -le ${#other} ] && one="$one $name" || other="$other $name"
	done
	mkdir -p "$BUILD/check"
	# shellcheck disable=SC2086
	{ lane $one & lane $other; wait; } | tee "$BUILD/check/results"
	! grep -q '^FAIL' "$BUILD/check/results"
	exit
	;;
*x) limit="-runs=${length%x}" ;;
*) limit="-max_total_time=$length" ;;
esac
for name in $targets; do
	prepare "$name"
	mkdir -p "$CORPUS/$name"
	echo "fuzz_$name $limit"
	fuzz "$name" "$limit" -timeout=10 "$CORPUS/$name" ${seeds:+"$seeds"}
done
