#include "lib/base/memory.h"

#include <malloc.h>

#define LARGE (1 << 20)

void
ph_memory_give_back(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
#endif
}
