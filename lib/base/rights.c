#include "lib/base/rights.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All of them are in the first of the two words. */
#define RIGHTS                                                            \
	((UINT32_C(1) << CAP_CHOWN) | (UINT32_C(1) << CAP_DAC_OVERRIDE) | \
	 (UINT32_C(1) << CAP_FOWNER) | (UINT32_C(1) << CAP_FSETID))

static int
set_rights(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3,
						  0};
	struct __user_cap_data_struct data[2] = {
	    {.effective = RIGHTS, .permitted = RIGHTS}};

	return (int)syscall(SYS_capset, &header, data);
}

int
ph_rights_become(uid_t uid)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setuid(uid) < 0)
		return -1;
	return set_rights();
}

bool
ph_rights_give(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3,
						  0};
	struct __user_cap_data_struct data[2] = {{0}};

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective & RIGHTS) == RIGHTS;
}
