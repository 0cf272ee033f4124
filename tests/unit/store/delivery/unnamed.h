#ifndef UNIT_STORE_DELIVERY_UNNAMED_H
#define UNIT_STORE_DELIVERY_UNNAMED_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>

/* From here on this process is on a file system where files need names. */
static inline void
deny_unnamed(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	ck_assert_ptr_nonnull(filter);
	ck_assert_int_eq(
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EOPNOTSUPP),
			     SCMP_SYS(openat), 1,
			     SCMP_A2(SCMP_CMP_MASKED_EQ, O_TMPFILE, O_TMPFILE)),
	    0);
	ck_assert_int_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
}

#endif
