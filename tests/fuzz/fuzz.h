#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * A target, tests/fuzz/fuzz_NAME.c, is this function: a parser eats data and
 * the target aborts when something cannot be true (g_assert). libFuzzer looks
 * for data ("make fuzz"); replay.c eats what is in tests/fuzz/corpus/NAME, in
 * the normal test run. Returns 0.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
