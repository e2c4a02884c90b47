#!/usr/bin/env bash
# compiler.h refuses the compilers that miscompile coroutines, with one line, and lets the project's own pass.
set -u
header=runtime/base/compiler.h
failures=0

# compiles COMPILER: the header alone, its diagnostics in $output.
compiles() { output=$("$1" -std=c++20 -fsyntax-only -I. -x c++ - 2>&1 <<<"#include \"$header\""); }

if ! compiles clang++-19; then
  echo "FAILED: clang++-19 has to accept $header, but says: $output"
  failures=$((failures + 1))
fi

major=$(g++ -dumpversion 2>/dev/null | cut -d. -f1)
if [ -z "$major" ]; then
  echo "no g++ here: its refusal was not tried"
elif [ "$major" -ge 13 ]; then
  if ! compiles g++; then
    echo "FAILED: g++ $major has to accept $header, but says: $output"
    failures=$((failures + 1))
  fi
else
  if compiles g++; then
    echo "FAILED: g++ $major has to be refused by $header"
    failures=$((failures + 1))
  fi
  errors=$(grep -c 'error:' <<<"$output")
  if [ "$errors" != 1 ]; then
    echo "FAILED: g++ $major has to be refused with one error, not $errors: $output"
    failures=$((failures + 1))
  fi
fi

exit $((failures > 0))
