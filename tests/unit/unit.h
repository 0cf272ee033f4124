#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <glib.h>
#include <stddef.h>

/*
 * One suite a program. A test file ends with
 *
 *	UNIT_MAIN("lib/base/text", test_bool, test_size)
 */
int unit_main(const char *suite, const TTest *const *tests, size_t n);

#define UNIT_MAIN(suite, ...)                                                  \
	int main(void)                                                         \
	{                                                                      \
		const TTest *const unit_tests[] = {__VA_ARGS__};               \
		return unit_main(suite, unit_tests, G_N_ELEMENTS(unit_tests)); \
	}

/* A new directory below TMPDIR, removed by unit_rmdir; g_free. */
char *unit_mkdir(void);
void unit_rmdir(char **path);

#endif
