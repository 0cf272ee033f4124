#ifndef FUZZ_EXTRACT_H
#define FUZZ_EXTRACT_H

#include "lib/extract/extract_private.h"

/*
 * A reader of a stream of lib/extract, with limits that are soon met; what
 * comes of it has its form.
 */
#define FUZZ_TEXT 10000
#define FUZZ_PROPERTIES 1000

typedef void fuzz_extract_read(struct ph_extract_job *job,
			       struct ph_bytes bytes);

static inline void
fuzz_extract_check(const struct ph_extract_result *result)
{
	g_assert_true(result->text->len <= FUZZ_TEXT);
	g_assert_true(g_utf8_validate(result->text->str,
				      (gssize)result->text->len, NULL));
	g_assert_true(result->properties->len <= FUZZ_PROPERTIES);
}

static inline void
fuzz_extract(fuzz_extract_read *read, const uint8_t *data, size_t size)
{
	struct ph_extract_source source = {
	    .type = "", .name = "", .data = data, .size = size};
	struct ph_extract_limits limits = {.text = FUZZ_TEXT,
					   .unpacked = 1000000,
					   .depth = 20,
					   .entries = 100};
	struct ph_extract_result result;
	struct ph_extract_job job = {
	    .source = &source, .limits = limits, .result = &result};

	/* Nobody reads an empty type: this only makes the result. */
	g_assert_true(ph_extract(&(struct ph_extract_source){.type = ""},
				 &limits, &result, NULL) == 0);
	read(&job, (struct ph_bytes){data, size});
	fuzz_extract_check(&result);
	ph_extract_clear(&result);
}

#endif
